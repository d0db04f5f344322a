#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`powercut log` and `info` on the golden logs against what their manifests say: golden_test.py POWERCUT.

