r"""How is JSON read that somebody else wrote, so that every text in it can be written again?

JSON can name half of a pair of UTF-16 surrogates (``"\udcfc"``), and Python takes it: it is what becomes of a byte
of a command line that is not UTF-8. Such a text is no Unicode, and whoever encodes it later fails, far from its origin.
"""

import json
import re
from typing import Any, Final

_ESCAPED: Final = re.compile(r"\\u[dD][89a-fA-F]")
_HALF: Final = re.compile("[\ud800-\udfff]")


def read_sound(line: bytes) -> Any:
    """Return what a line of JSON in UTF-8 holds; half a pair of surrogates becomes U+FFFD.

    Raises:
        ValueError: It is not UTF-8, or no JSON.
        RecursionError: It is nested too deeply.
    """
    text = line.decode()
    document = json.loads(text)
    if _ESCAPED.search(text) is None:
        return document
    return json.loads(_HALF.sub("\ufffd", json.dumps(document, ensure_ascii=False)))
