"""kern.geom.confxml: thirteen documents of a real host, and what may stand in others."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafailover.storage.facts import ComponentState, Mirror, MirrorState
from hafailover.storage.geom import parse_mesh
from hafailover.storage.geom_facts import GeomFacts, see_geom
from hafailover.storage.observation import ObservationError

RECORDED = Path(__file__).parents[1] / "data" / "freebsd-14.0" / "confxml"
STATES = sorted(path.stem for path in RECORDED.glob("*.confxml"))


def seen(state: str) -> GeomFacts:
    return see_geom((RECORDED / f"{state}.confxml").read_text())


def said(state: str, command: str) -> str:
    return (RECORDED / f"{state}.{command}").read_text()


def only_mirror(state: str) -> Mirror:
    (mirror,) = seen(state).mirrors
    return mirror


def blocks(listing: str) -> list[dict[str, str]]:
    """Split the output of `gmirror list` into one dictionary per numbered or named thing."""
    found: list[dict[str, str]] = []
    for line in listing.splitlines():
        key, _, value = line.strip().partition(": ")
        if key in {"Geom name", "1. Name", "2. Name"}:
            found.append({})
        if value:
            found[-1][key.removeprefix("1. ").removeprefix("2. ")] = value
    return found


def test_all_thirteen_states_are_there() -> None:
    assert len(STATES) == 13


@pytest.mark.parametrize("state", STATES)
def test_mirrors_agree_with_gmirror_list(state: str) -> None:
    mirrors = [m for m in seen(state).mirrors if m.state is not MirrorState.STARTING]
    listed = blocks(said(state, "gmirror-list"))
    if not listed:
        assert mirrors == []
        return
    (mirror,) = mirrors
    geom, provider, *consumers = listed
    assert mirror.name == geom["Geom name"]
    assert mirror.state.value == geom["State"]
    assert mirror.wanted_components == int(geom["Components"])
    assert mirror.balance == geom["Balance"]
    assert (mirror.genid, mirror.syncid) == (int(geom["GenID"]), int(geom["SyncID"]))
    assert mirror.mirror_id == int(geom["ID"])
    assert mirror.media_size == int(provider["Mediasize"].split()[0])
    assert mirror.open_mode == provider["Mode"]
    assert {part.provider for part in mirror.components} == {each["Name"] for each in consumers}
    for each in consumers:
        part = mirror.component(each["Name"])
        assert part is not None
        assert part.state.value == each["State"]
        assert part.priority == int(each["Priority"])
        assert (part.genid, part.syncid) == (int(each["GenID"]), int(each["SyncID"]))
        words = each.get("Flags", "").replace("(null)", "").replace("NONE", "")
        assert set(part.flags) == {word for word in words.split(", ") if word}


@pytest.mark.parametrize("state", STATES)
def test_gates_agree_with_ggatec_list(state: str) -> None:
    listing = said(state, "ggatec-list")
    fields = dict(re.findall(r"^ *(\w+): (.*)$", listing, re.MULTILINE))
    gates = seen(state).gates
    if not fields:
        assert gates == ()
        return
    (gate,) = gates
    assert f"ggate{gate.unit}" == fields["NAME"]
    assert gate.info == fields["info"]
    assert gate.timeout_s == int(fields["timeout"])
    assert gate.open_mode == fields["mode"]
    assert gate.is_withering is False


@pytest.mark.parametrize("state", STATES)
def test_memory_disks_agree_with_mdconfig(state: str) -> None:
    rows = [line.split("\t") for line in said(state, "mdconfig-lv").splitlines()]
    assert [(f"md{disk.unit}", disk.file) for disk in seen(state).memory_disks] == [
        (row[0], row[3]) for row in rows
    ]


def test_a_rebuild_shows_its_progress() -> None:
    mirror = only_mirror("05-synchronizing")
    gate = mirror.component("ggate10")
    assert gate is not None
    assert gate.state is ComponentState.SYNCHRONIZING
    assert (gate.synchronized_percent, gate.bytes_synced) == (47, 126877696)
    assert gate.flags == ("DIRTY", "SYNCHRONIZING")
    local = mirror.component("md10")
    assert local is not None
    assert (local.state, local.flags) == (ComponentState.ACTIVE, ())
    assert local.synchronized_percent is None


def test_a_starting_mirror_is_seen_though_gmirror_list_hides_it() -> None:
    mirror = only_mirror("11-half-of-old-mirror-starting")
    assert mirror.state is MirrorState.STARTING
    assert mirror.open_mode == ""
    assert [part.state for part in mirror.components] == [ComponentState.NEW]


def test_a_read_only_memory_disk_says_so() -> None:
    (disk,) = seen("13-md-readonly").memory_disks
    assert disk.is_read_only
    (disk,) = seen("02-md-attached").memory_disks
    assert not disk.is_read_only
    assert disk.size_bytes == 268435456


def test_labels_are_listed() -> None:
    assert "gpt/rootfs" in seen("01-nothing").label_providers


MIRROR = """<mesh>
  <class id="0x1"><name>MIRROR</name>
    <geom id="0x10"><class ref="0x1"/><name>data.sync</name><rank>1</rank></geom>
    <geom id="0x11"><class ref="0x1"/><name>data</name><rank>2</rank>
      <config><Type>AUTOMATIC</Type><ID>7</ID><SyncID>2</SyncID><GenID>1</GenID><Flags>NONE</Flags>
        <Slice>4096</Slice><Balance>prefer</Balance><Components>2</Components>
        <State>DEGRADED</State></config>
      {consumers}
      <provider id="0x12"><geom ref="0x11"/><mode>r1w1e1</mode><name>mirror/data</name>
        <mediasize>1048064</mediasize><config></config></provider>
    </geom>
  </class>
  <class id="0x2"><name>LABEL</name>
    <geom id="0x20"><class ref="0x2"/><name>md10</name><rank>1</rank>
      <provider id="0x21"><geom ref="0x20"/><mode>r1w1e1</mode><name>ufsid/6b0299ccd27edfdb</name>
        <mediasize>1048576</mediasize></provider>
    </geom>
  </class>
  <class id="0x3"><name>GATE</name>
    <geom id="0x30"><class ref="0x3"/><name>ggate1</name><rank>1</rank>{gate}
      <provider id="0x31"><geom ref="0x30"/><mode>r0w0e0</mode><name>ggate1</name>
        <mediasize>1048576</mediasize></provider>
    </geom>
  </class>
</mesh>"""
GATE = (
    "<config><timeout>30</timeout><info>192.0.2.2:3080 /x</info>"
    "<queue_count>0</queue_count></config>"
)


def component(provider: str, state: str = "ACTIVE", flags: str = "NONE") -> str:
    return (
        f'<consumer id="0x99"><geom ref="0x11"/><provider ref="{provider}"/><mode>r1w1e1</mode>'
        f"<config><ID>5</ID><SyncID>2</SyncID><GenID>1</GenID><Flags>{flags}</Flags>"
        f"<Priority>1</Priority><State>{state}</State></config></consumer>"
    )


def document(consumers: str = "", gate: str = GATE) -> str:
    return MIRROR.format(consumers=consumers, gate=gate)


def test_a_mirror_that_came_back_through_a_label_sits_on_the_label() -> None:
    facts = see_geom(document(component("0x21")))
    (mirror,) = facts.mirrors
    assert [part.provider for part in mirror.components] == ["ufsid/6b0299ccd27edfdb"]
    assert facts.label_providers == ("ufsid/6b0299ccd27edfdb",)


def test_a_component_that_is_just_being_dropped_has_no_state() -> None:
    dropped = (
        '<consumer id="0x98"><geom ref="0x11"/><provider ref="0x31"/><mode>r1w1e1</mode>'
        "<config></config></consumer>"
    )
    (mirror,) = see_geom(document(component("0x21") + dropped)).mirrors
    part = mirror.component("ggate1")
    assert part is not None
    assert part.state is ComponentState.NONE


def test_degraded_with_two_active_components_is_believed() -> None:
    (mirror,) = see_geom(document(component("0x21") + component("0x31"))).mirrors
    assert mirror.state is MirrorState.DEGRADED
    assert [part.state for part in mirror.components] == [ComponentState.ACTIVE] * 2


@pytest.mark.parametrize("flags", ["", "NONE", "(null)"])
def test_no_flags_have_three_spellings(flags: str) -> None:
    (mirror,) = see_geom(document(component("0x21", flags=flags))).mirrors
    assert mirror.components[0].flags == ()


def test_a_withering_gate_is_kept_and_marked() -> None:
    (gate,) = see_geom(document(gate="<wither/>")).gates
    assert (gate.unit, gate.is_withering) == (1, True)


@pytest.mark.parametrize("keys", [GATE, "<wither/>"])
def test_a_gate_with_a_name_of_its_own_is_none_of_ours(keys: str) -> None:
    text = document(component("0x31"), gate=keys)
    foreign = see_geom(text.replace("<name>ggate1<", "<name>hast/data<"))
    assert foreign.gates == ()
    assert foreign.mirrors[0].components[0].provider == "hast/data"


def test_a_withering_mirror_and_memory_disk_are_kept_and_marked() -> None:
    text = """<mesh><class><name>MIRROR</name><geom><name>data</name><wither/></geom></class>
      <class><name>MD</name><geom><name>md10</name><wither/></geom></class></mesh>"""
    facts = see_geom(text)
    assert [(m.name, m.state) for m in facts.mirrors] == [("data", MirrorState.WITHERING)]
    assert [(d.unit, d.is_withering) for d in facts.memory_disks] == [(10, True)]


def test_memory_without_a_file_is_a_unit_that_is_taken() -> None:
    text = """<mesh><class><name>MD</name><geom><name>md3</name><provider id="0x1">
      <mode>r0w0e0</mode><name>md3</name><mediasize>4096</mediasize><config><unit>3</unit>
      <access>read-write</access><type>swap</type></config></provider></geom></class></mesh>"""
    (disk,) = see_geom(text).memory_disks
    assert (disk.unit, disk.file, disk.size_bytes) == (3, "", 4096)


@pytest.mark.parametrize(
    ("printed", "path"),
    [("/img/a", "/img/a"), ("/img/&#xC3;&#xA9;", "/img/é"), ("/img/&#xE9;", "/img/é")],
)
def test_the_path_of_an_image_is_the_one_in_the_configuration(printed: str, path: str) -> None:
    text = f"""<mesh><class><name>MD</name><geom><name>md3</name><provider id="0x1">
      <mode>r0w0e0</mode><name>md3</name><mediasize>4096</mediasize><config><unit>3</unit>
      <access>read-write</access><type>vnode</type><file>{printed}</file></config></provider>
      </geom></class></mesh>"""
    (disk,) = see_geom(text).memory_disks
    assert disk.file == path


@pytest.mark.parametrize("path", ["/a&b", "/<b>", "/a</info>b", "/a &amp; <"])
def test_a_ggate_whose_info_the_kernel_prints_as_it_came_blinds_nobody(path: str) -> None:
    text = (RECORDED / "06-complete-idle.confxml").read_text()
    (gate,) = see_geom(text.replace(" /var/ha/r.img", f" {path}")).gates
    assert gate.info == f"127.0.0.1:3080 {path}"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "no element found"),
        ("<mesh>", "no element found"),
        ("<mush/>", "mush"),
        (document(gate=GATE.replace("/x", "/a\x01b")), "not well-formed"),
        (document(component("0x21", state="CONFUSED")), "CONFUSED"),
        (document(component("0xdead")), "0xdead"),
        (document(component("0x21").replace("<Priority>1</Priority>", "")), "no Priority"),
        (document().replace("<State>DEGRADED</State>", ""), "no State"),
        (document().replace("DEGRADED", "WITHERING"), "WITHERING"),
        (document().replace("<GenID>1</GenID>", "<GenID>-1</GenID>"), "-1"),
        (document().replace("<GenID>1</GenID>", "<GenID>\u0661</GenID>"), "\u0661"),
        (document(gate="<config></config>"), "no info"),
        (document().replace(">GATE<", ">MD<"), "ggate1"),
    ],
)
def test_what_is_not_understood_is_named(text: str, word: str) -> None:
    with pytest.raises(ObservationError) as caught:
        see_geom(text)
    assert word in caught.value.word


def test_a_class_that_is_not_loaded_has_no_geoms() -> None:
    assert parse_mesh("<mesh></mesh>").geoms("MIRROR") == ()


WHOLE = (RECORDED / "05-synchronizing.confxml").read_text()


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(ObservationError):
        see_geom(text)


@given(st.integers(0, len(WHOLE)), st.integers(0, 400), st.text(max_size=20))
def test_a_damaged_document_is_read_or_refused(start: int, length: int, instead: str) -> None:
    try:
        facts = see_geom(WHOLE[:start] + instead + WHOLE[start + length :])
    except ObservationError:
        return
    assert len(facts.gates) <= 2
