# SPDX-License-Identifier: Apache-2.0
make_log x.log write:0:ABCDEFGH flush write:2:Z flush mark:end
expect 2 powercut explore x.log
expect 2 powercut explore x.log --chek true
expect 2 powercut explore x.log --check true --at sometimes
expect 2 powercut explore x.log --check true --at mark:edn
expect 3 powercut explore absent.log --check true
expect 2 powercut explore x.log --check /absent/checker
expect 4 powercut explore x.log --check true --json absent/findings.json
