# SPDX-License-Identifier: Apache-2.0
# From instant to instant gives the same image as in one go.
golden ext4-discard
powercut replay ext4-discard.log once.img --to flush:20 --size 64M
powercut replay ext4-discard.log steps.img --to mark:mkfs --size 64M
powercut replay ext4-discard.log steps.img --from mark:mkfs --to flush:7
powercut replay ext4-discard.log steps.img --from flush:7 --to flush:20 --compare once.img
powercut replay ext4-discard.log steps.img --from flush:20
sha256sum <steps.img
powercut replay ext4-discard.log kept.img --no-discard --size 64M
expect 1 cmp -s steps.img kept.img
