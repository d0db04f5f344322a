# SPDX-License-Identifier: Apache-2.0
cat >show.py <<'END'
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
suites = list(root)
assert root.tag == "testsuites" and [suite.tag for suite in suites] == ["testsuite"], root
suite = suites[0]
for element in (root, suite):
    cases = suite.findall("testcase")
    assert int(element.get("tests")) == len(cases)
    assert int(element.get("failures")) == len(suite.findall("testcase/failure"))
    assert int(element.get("errors")) == len(suite.findall("testcase/error"))
print(suite.get("name"), [suite.get(name) for name in ("tests", "failures", "errors")])
for case in cases:
    print(f"  {case.get('classname')}: {case.get('name')}")
    for problem in case:
        print(f"    {problem.tag} {problem.get('type')}: {problem.get('message')}")
END
for options in '' '--failed 2' '--killed' '--states 0' '--shard 1/2'; do
  # shellcheck disable=SC2086 # several words
  make_findings run.jsonl $options
  status=0
  powercut report run.jsonl --format junit --suite ledger --output run.xml || status=$?
  echo "status $status"
  python3 show.py run.xml
done
expect 1 powercut report run.jsonl --format junit | grep '<testsuite '
