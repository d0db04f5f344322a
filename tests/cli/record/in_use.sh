# SPDX-License-Identifier: Apache-2.0
# A second recorder on the same image or log, while the first one runs.
# needs: fuse
truncate -s 1M disk.img other.img
powercut record --log x.log --raw --file disk.img -- sh -c '
  powercut record --log y.log --raw --file disk.img -- true
  echo "status $?"
  powercut record --log x.log --log-append --raw --file other.img -- true
  echo "status $?"
  powercut repair x.log
  echo "status $?"
  powercut verify x.log | head -1
  powercut mark hello
  powercut mark ""
  echo "status $?"
'
powercut log x.log --kind mark | sed 1d | cut -c 26-
