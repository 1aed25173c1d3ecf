import os

from fsa_data.faces.chatter import chatter_held_back


def test_chatter_is_dropped_and_the_rest_comes_after(capfd):
    with chatter_held_back():
        os.write(2, b"W0000 00:00:1.1 1 some_file.cc:1] feedback\nINFO: Created a delegate\nERROR: it broke\n")
    os.write(2, b"W0000 00:00:1.1 said later\n")
    assert capfd.readouterr().err == "ERROR: it broke\nW0000 00:00:1.1 said later\n"


def test_stderr_is_restored_after_an_error(capfd):
    try:
        with chatter_held_back():
            os.write(2, b"I0000 00:00 nothing\nabout to fail\n")
            raise ValueError
    except ValueError:
        os.write(2, b"caught\n")
    assert capfd.readouterr().err == "about to fail\ncaught\n"
