# SPDX-License-Identifier: Apache-2.0
make_log x.log write:0:AB flush mark:one
expect 2 powercut log
expect 2 powercut log x.log y.log
expect 2 powercut log x.log --kind flus
expect 2 powercut log x.log --entries 5..3
expect 2 powercut log x.log --entries a..b
expect 2 powercut log x.log --mark on
expect 2 powercut log x.log --from mark:on
expect 2 powercut log x.log --to 99
expect 2 powercut log x.log --form 1
