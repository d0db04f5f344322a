# SPDX-License-Identifier: Apache-2.0
make_log x.log mark:begin write:0:AAAA mark:one flush flush write:1:BB:2 write:2:C mark:two discard:3:1 write:6:CD flush mark:3 mark:4 mark:5 mark:6 mark:7 mark:8
powercut blame x.log 0
powercut blame x.log 600,1K
powercut blame x.log 512,2K --at mark:two
powercut blame x.log 0,4K --at start
powercut blame x.log 1K,512 --json
powercut blame x.log 3000,1M --size 1M
powercut blame x.log 4K --size 1M
# A mark that is no UTF-8.
make_log bytes.log "$(printf 'mark:caf\351')" write:0:A
powercut blame bytes.log 0 --size 1M --json
