"""The mark of PEP 698 for methods that override, which Python 3.11 does not have yet."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from typing_extensions import override
else:
    _Method = TypeVar("_Method", bound=Callable[..., Any])

    def override(method: _Method) -> _Method:
        """Mark a method as overriding; only type checkers look at it."""
        return method


__all__ = ["override"]
