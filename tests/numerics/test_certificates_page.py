"""The examples of docs/certificates.md give what the page says."""

import doctest
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "certificates.md"


def test_examples_of_the_page():
    found = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert found.attempted >= 15
    assert found.failed == 0
