"""Whatever is logged, by stackd or by a library, is one harmless line."""

import subprocess
import sys

import pytest

SAY = """
import logging, warnings
from stackd.adapters.machine.logging_setup import set_up_logging, spell_what_libraries_say
{begin}()
logging.getLogger("tifffile").warning("tag \\x1b]0;title\\x07\\n\\u202e\\ud800 is odd")
warnings.warn("frame \\x1b[2J is odd")
logging.getLogger("stackd.service").warning("name=%s", "a\\x1b[2J\\nb\\udcff")
"""


@pytest.mark.parametrize("begin", ["set_up_logging", "spell_what_libraries_say"])
def test_what_is_in_a_file_reaches_the_log_as_escapes(begin: str) -> None:
    said = subprocess.run([sys.executable, "-c", SAY.format(begin=begin)], capture_output=True, check=True).stderr.decode()

    assert r"tag \x1b]0;title\x07\n\u202e\ud800 is odd" in said
    assert r"frame \x1b[2J is odd" in said
    assert r"name=a\x1b[2J\nb\xff" in said
    assert not any(mark in said for mark in "\x1b\x07\u202e")
    assert len(said.splitlines()) == 3
