# SPDX-License-Identifier: Apache-2.0
make_log x.log write:0:AB mark:one flush write:2:C:2 write:3:D
: >d.img
# Options may be shortened, stand anywhere, and other words are ignored.
replay-log x.log --log x.log --num
replay-log --log x.log --rep d.img --lim 2 --verb
replay-log --log=x.log --end one --find
replay-log --log x.log --find --next-fua --find-format plain
replay-log --version | sed 's/[0-9.]*$/VERSION/'
replay-log --help >help
head -n 3 help
# What is wrong.
expect 1 replay-log
expect 1 replay-log --find
expect 1 replay-log --log x.log --nonsense
expect 1 replay-log --log x.log --limit
expect 1 replay-log --log x.log --limit 3x
expect 1 replay-log --log x.log --start-sector x
expect 1 replay-log --log x.log --find --find-format long
expect 1 replay-log --log x.log --replay d.img --fsck true
expect 1 replay-log --log x.log --replay d.img --check flush
expect 1 replay-log --log x.log --replay d.img --check 0 --fsck true
expect 1 replay-log --log absent.log
expect 1 replay-log --log x.log --replay absent.img
expect 1 replay-log --log d.img
expect 1 replay-log --log x.log --find --start-entry 5
# A discard outside the sectors asked for is left out.
make_log discard.log write:0:ABCD discard:1:2
replay-log --log discard.log --replay d.img --end-sector 0 -vv
tr '\0' . <d.img | fold -w 512 | cut -c 1 | tr -d '\n'; echo
# Damage: what is whole before it is replayed, and said is where it begins.
make_log torn.log --count 9 write:0:EF flush
expect 1 replay-log --log torn.log --replay d.img
tr '\0' . <d.img | fold -w 512 | cut -c 1 | tr -d '\n'; echo
expect 255 replay-log --log torn.log --find --end-mark x
expect 1 replay-log --log torn.log --replay d.img --end-mark x
expect 1 replay-log --log torn.log --replay d.img --start-mark x
expect 1 replay-log --log torn.log --find --start-entry 5
replay-log --log torn.log --find --next-flush
# The command of --fsck sees what has been replayed, and DEVICE grows as it is needed.
: >e.img
replay-log --log x.log --replay e.img --check fua --fsck 'stat -c %s e.img'
expect 1 replay-log --log x.log --replay e.img --check 2 --fsck 'kill -KILL $$'
# A full standard output is an error.
expect 1 sh -c 'replay-log --log x.log >/dev/full'
