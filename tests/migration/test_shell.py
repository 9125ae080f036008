"""The reader of shell scripts: words, conditions, loops, functions, and who looks at what."""

from hypothesis import given
from hypothesis import strategies as st

from hafailover.migration.shell_walk import Call, walk


def calls(text: str, *arguments: str) -> list[Call]:
    return list(walk(text, "s", arguments=arguments)[0])


def words(text: str, *arguments: str) -> list[tuple[str, ...]]:
    return [call.words for call in calls(text, *arguments)]


def checked(text: str, program: str) -> bool:
    return next(call.is_checked for call in calls(text) if call.program == program)


def test_quotes_variables_and_continued_lines() -> None:
    script = 'a=/x/y; b="$a z"\ncmd \'$a\' "$b" \\\n  ${a}.img ${unset:-d} $unset a\\ b'

    assert words(script) == [("cmd", "$a", "/x/y z", "/x/y.img", "d", "$unset", "a b")]


def test_an_unquoted_list_falls_into_words() -> None:
    assert words('opts="-a -t vnode"\nmdconfig $opts -f x') == [
        ("mdconfig", "-a", "-t", "vnode", "-f", "x")
    ]


def test_comments_redirections_and_documents_are_no_words() -> None:
    script = "one >/dev/null 2>&1 # two\ncat <<EOF >/etc/x\nthree $y `four`\nEOF\nfive < six"

    assert words(script) == [("one",), ("cat",), ("five",)]


def test_lines_are_those_of_the_file() -> None:
    script = "one\n\n# c\n'a\nb' two\n$(three)\nif x\nthen\n  four\nfi"

    assert [
        (c.words[0].strip("'"), c.place.line) for c in calls(script) if c.words[0] != "$()"
    ] == [
        ("one", 1),
        ("a\nb", 4),
        ("three", 6),
        ("x", 7),
        ("four", 9),
    ]


def test_who_looks_at_an_exit_status() -> None:
    assert checked("fsck x || exit 1", "fsck")
    assert checked("fsck x && mount y", "fsck")
    assert checked("if fsck x; then :; fi", "fsck")
    assert checked("if ! fsck x; then :; fi", "fsck")
    assert checked("fsck x\nif [ $? -ne 0 ]; then exit; fi", "fsck")
    assert checked("fsck x\nrc=$?", "fsck")
    assert checked("fsck x\ncase $? in 0) ;; *) exit 1;; esac", "fsck")
    assert checked("set -e\nfsck x", "fsck")
    assert not checked("fsck x\nmount y", "fsck")
    assert not checked("fsck x | tee log || exit 1", "fsck")
    assert not checked("set -e\nset +e\nfsck x", "fsck")
    assert not checked("if [ -e x ]; then fsck x; fi", "fsck")


def test_functions_are_entered_where_they_are_called() -> None:
    script = "up() {\n  mount $1 $2\n}\nup /dev/a /b || exit 1"

    assert ("mount", "/dev/a", "/b") in words(script)
    assert checked(script, "mount")


def test_arguments_choose_the_arm_of_a_case() -> None:
    script = 'case "$1" in\nmaster|primary) mount a b ;;\nbackup) umount b ;;\n*) echo x ;;\nesac'

    assert words(script, "master") == [("mount", "a", "b")]
    assert words(script, "backup") == [("umount", "b")]
    assert words(script, "else") == [("echo", "x")]
    assert len(words(script)) == 3


def test_a_list_is_walked_for_each_of_its_words() -> None:
    assert words("for s in x y; do service $s start; done") == [
        ("service", "x", "start"),
        ("service", "y", "start"),
    ]


def test_background_loops_and_counting() -> None:
    assert calls("(sleep 9; x) &")[0].is_background
    counted = "i=0\nwhile [ $i -lt 9 ]; do sleep 1; i=$((i+1)); done"
    endless = "while true; do sleep 1; ggatec list | grep x && break; done"
    assert [c.loops[0].is_counted for c in calls(counted) if c.program == "sleep"] == [True]
    assert [c.loops[0].is_counted for c in calls(endless) if c.program == "sleep"] == [False]
    assert [
        c.loops[0].is_counted
        for c in calls("until x; do sleep 1; [ $? -eq 0 ] && break; done")
        if c.program == "sleep"
    ] == [False]


def test_commands_inside_substitutions_and_shells_are_seen() -> None:
    assert ("gmirror", "status", "-s") in words("x=$(gmirror status -s | grep c)")
    assert ("gmirror", "status") in words("x=`gmirror status`")
    assert ("mount", "a", "b") in words("sh -c 'mount a b'")
    assert words("nohup sudo -n mount a b") == [("mount", "a", "b")]


@given(st.text(alphabet="abc$(){}[]`'\"\\|&;<>#\n \t!=do if fi case esac while done", max_size=80))
def test_no_text_is_too_broken(text: str) -> None:
    for call in calls(text):
        assert call.words
        assert 1 <= call.place.line <= text.count("\n") + 1
