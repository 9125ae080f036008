"""What does a gg.exports say? See ggated(8): ``host[/mask] ro|rw|wo path``, the last match wins."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network
from typing import Final

from hafailover.migration.finding import Finding, Place, Weight

MODES: Final = {"ro": "ro", "rd": "ro", "rw": "rw", "wo": "wo"}
_FORM: Final = "host[/mask] ro|rw|wo path"


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One line."""

    host: str
    """As written."""
    mode: str
    path: str
    place: Place

    @property
    def network(self) -> IPv4Network | None:
        """Who may connect; None if it is a name."""
        try:
            return IPv4Network(self.host, strict=False)
        except ValueError:
            return None


def read_exports(text: str, file: str) -> tuple[tuple[Export, ...], tuple[Finding, ...]]:
    """Return the lines of a file, and what is wrong with their form."""
    exports: list[Export] = []
    findings: list[Finding] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words or line.startswith("#"):
            continue
        place = Place(file=file, line=number)
        flag = words[1].partition(",")[0].lower() if len(words) > 1 else ""
        if len(words) != 3 or flag not in MODES:
            findings.append(_malformed(line, place))
        if len(words) >= 3:
            mode = MODES.get(flag, "rw")
            exports.append(Export(host=words[0], mode=mode, path=words[2], place=place))
    if not exports:
        findings.append(_empty(Place(file=file, line=0)))
    for export in exports:
        findings += _judge(export)
    return tuple(exports), tuple(findings)


def _judge(export: Export) -> Iterator[Finding]:
    network = export.network
    if network is None:
        yield Finding(
            rule="export-to-a-name",
            weight=Weight.WARNING,
            place=export.place,
            what=f"the client is the name {export.host}",
            consequence="ggated ends when the name does not resolve, just when the network is bad",
            remedy="nothing: exports are written with addresses, for each session anew",
        )
    elif network.num_addresses > 1:
        everybody = " everybody" if network == ip_network("0.0.0.0/0") else f" all of {network}"
        yield Finding(
            rule="export-to-many",
            weight=Weight.ERROR,
            place=export.place,
            what=f"the image is exported to{everybody}",
            consequence="whoever has such an address can overwrite it: ggated asks for no password",
            remedy="nothing: an image is exported to the peer's address alone",
        )
    if export.mode != "rw":
        yield Finding(
            rule="export-not-writable",
            weight=Weight.ERROR,
            place=export.place,
            what=f"the image is exported {export.mode}",
            consequence="gmirror cannot write to the second copy: there is no mirror",
            remedy="nothing: images are exported read-write",
        )
    if export.path.startswith("/dev/"):
        yield Finding(
            rule="export-of-a-device",
            weight=Weight.ERROR,
            place=export.place,
            what=f"the device {export.path} is exported",
            consequence="each time the client leaves, the exporting host tastes it and may start "
            "the mirror on its own disk; then the client is refused",
            remedy="export the image file; a partition has to become one (hafailover init)",
        )


def _malformed(line: str, place: Place) -> Finding:
    return Finding(
        rule="export-malformed",
        weight=Weight.ERROR,
        place=place,
        what=f"{line.strip()!r} is not of the form {_FORM}",
        consequence="ggated ends without a word when it reads this",
        remedy="nothing: exports are written by the agent",
    )


def _empty(place: Place) -> Finding:
    return Finding(
        rule="export-empty",
        weight=Weight.ERROR,
        place=place,
        what="nothing is exported",
        consequence="ggated ends at once, and there is no second copy",
        remedy="nothing: exports are written by the agent",
    )
