# SPDX-License-Identifier: Apache-2.0
"""What the example databases hold: rows 1, 2, 3 and so on, one a transaction, whose text follows from the number,
so that a checker knows of any row whether it was ever written."""

import acknowledge


def text_of(row):
    return f"row {row}: " + "abcdefghij" * (1 + row % 7)


def mark_of(row):
    return f"committed {row}"


def acknowledged():
    """How many rows had been acknowledged when the power went."""
    return max((int(mark.split()[1]) for mark in acknowledge.marks() if mark.startswith("committed ")), default=0)


def problems(found):
    """What is wrong with the rows that were found, {number: text}: lines of text, none if nothing is."""
    promised = acknowledged()
    never_written = [row for row in sorted(found) if row < 1 or found[row] != text_of(row)]
    if never_written:
        yield f"{len(never_written)} rows that were never written: {_numbers(never_written)}"
    lost = [row for row in range(1, promised + 1) if row not in found]
    if lost:
        yield f"{len(lost)} of {promised} rows acknowledged and lost: {_numbers(lost)}"
    # Behind the acknowledged ones there may be more, but each was begun when the one before it was committed.
    gaps = [row for row in range(promised + 1, max(found, default=0)) if row not in found]
    if gaps:
        yield f"rows were kept and earlier ones were not: {_numbers(gaps)}"


def _numbers(rows):
    return ", ".join(map(str, rows[:20])) + (", ..." if len(rows) > 20 else "")
