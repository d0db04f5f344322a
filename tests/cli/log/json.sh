# SPDX-License-Identifier: Apache-2.0
make_log x.log write:3:AB:18 mark:'a "b"' discard:4:4 "mark:$(printf 'caf\351 \033[1m')"
powercut log x.log --json
powercut log x.log --kind mark
powercut info x.log --json
