expect 4 powercut --help >/dev/full
