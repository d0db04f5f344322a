# SPDX-License-Identifier: Apache-2.0
cat >look.py <<'END'
import html.parser, sys
class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.texts = [], {}
    def handle_starttag(self, tag, attributes):
        assert not {"src", "href"} & {name for name, _ in attributes}, tag
        if tag != "meta":
            self.open.append(tag)
    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag
    def handle_data(self, data):
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)
page = Page()
page.feed(open(sys.argv[1], encoding="utf-8").read())
assert not page.open
print(*page.texts["h1"], "|", *page.texts["h2"])
print(*[text.strip() for text in page.texts.get("pre", [])], sep="\n")
END
for options in '' '--failed 2' '--killed --failed 1'; do
  # shellcheck disable=SC2086 # several words
  make_findings run.jsonl $options
  status=0
  powercut report run.jsonl --format html --output run.html || status=$?
  echo "status $status"
  python3 look.py run.html
done
