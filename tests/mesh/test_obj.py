"""OBJ files with vertex colours: what is written comes back, others read the same, bad files say where."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsa_data.errors import BadMeshError
from fsa_data.mesh.coloured import ColouredMesh
from fsa_data.mesh.obj import read_obj, write_obj

TRIANGLE = "v 0 0 0 1 0 0\nv 1 0 0 0 1 0\nv 0 1 0 0 0 1\n"


def random_mesh(seed, vertices=40, triangles=70):
    rng = np.random.default_rng(seed)
    return ColouredMesh(
        (rng.standard_normal((vertices, 3)) * 10 ** rng.uniform(-4, 4, (vertices, 1))).astype(np.float32),
        rng.integers(0, vertices, (triangles, 3)).astype(np.int32),
        rng.integers(0, 256, (vertices, 3)).astype(np.uint8),
    )


def read(tmp_path, text):
    (tmp_path / "mesh.obj").write_text(text, encoding="utf-8")
    return read_obj(tmp_path / "mesh.obj")


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_every_bit_comes_back(tmp_path_factory, seed):
    mesh, path = random_mesh(seed), tmp_path_factory.mktemp("obj") / "sub" / "mesh.obj"
    write_obj(path, mesh)
    back = read_obj(path)
    for name in ("vertices", "triangles", "colours"):
        assert getattr(back, name).dtype == getattr(mesh, name).dtype
        np.testing.assert_array_equal(getattr(back, name), getattr(mesh, name))
    assert [p.name for p in path.parent.iterdir()] == ["mesh.obj"]


def test_trimesh_reads_what_is_written(tmp_path):
    import trimesh

    mesh = random_mesh(1)
    write_obj(tmp_path / "mesh.obj", mesh)
    theirs = trimesh.load(tmp_path / "mesh.obj", process=False, maintain_order=True)
    np.testing.assert_allclose(theirs.vertices, mesh.vertices, rtol=1e-7)
    np.testing.assert_array_equal(theirs.faces, mesh.triangles)
    np.testing.assert_array_equal(theirs.visual.vertex_colors[:, :3], mesh.colours)


def test_what_trimesh_writes_is_read(tmp_path):
    import trimesh

    mesh = random_mesh(2)
    theirs = trimesh.Trimesh(mesh.vertices, mesh.triangles, vertex_colors=mesh.colours, process=False)
    (tmp_path / "mesh.obj").write_text(trimesh.exchange.obj.export_obj(theirs, digits=9), encoding="utf-8")
    back = read_obj(tmp_path / "mesh.obj")
    np.testing.assert_allclose(back.vertices, mesh.vertices, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(back.triangles, mesh.triangles)
    np.testing.assert_array_equal(back.colours, mesh.colours)


@pytest.mark.parametrize("face", ["1 2 3", "1/7 2/8 3/9", "1//4 2//5 3//6", "1/1/1 2/2/2 3/3/3", "-3 -2 -1"])
def test_ways_to_write_a_face(tmp_path, face):
    text = f"# a comment\nmtllib x.mtl\no head\n{TRIANGLE}vn 0 0 1\nvt 0 0\ns off\nf {face} # here\n"
    assert read(tmp_path, text).triangles.tolist() == [[0, 1, 2]]


def test_negative_numbers_count_from_the_vertices_so_far(tmp_path):
    mesh = read(tmp_path, f"{TRIANGLE}f -3 -2 -1\n{TRIANGLE}f -3 -2 -1\nf 1 2 6\n")
    assert mesh.triangles.tolist() == [[0, 1, 2], [3, 4, 5], [0, 1, 5]]


def test_more_corners_become_a_fan(tmp_path):
    assert read(tmp_path, f"{TRIANGLE}{TRIANGLE}f 1 2 3 4 5\n").triangles.tolist() == [[0, 1, 2], [0, 2, 3], [0, 3, 4]]


def test_colours_of_either_range(tmp_path):
    unit = read(tmp_path, f"{TRIANGLE}f 1 2 3\n").colours
    byte = read(tmp_path, "v 0 0 0 255 0 0\nv 1 0 0 0 255 0\nv 0 1 0 0 0 255\nf 1 2 3\n").colours
    np.testing.assert_array_equal(unit, 255 * np.eye(3, dtype=np.uint8))
    np.testing.assert_array_equal(byte, unit)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{TRIANGLE}f 1 2 4\n", r"mesh\.obj, line 4: the face names vertex 4, but the file has vertices 1 to 3"),
        (f"{TRIANGLE}\nf 1 2 0\n", r"line 5: vertices are counted from 1"),
        (f"{TRIANGLE}f 1 2 -4\n", r"line 4: .* back from -1 to -3"),
        (f"{TRIANGLE}f 1 2\n", r"line 4: a face has at least 3 corners, not 2"),
        (f"{TRIANGLE}f 1 2 x\n", r"line 4: .*'f 1 2 x'"),
        ("v 0 0\n", r"line 1: a vertex has 3 numbers and 3 of its colour, not 2"),
        ("v 0 0 nan 0 0 0\n", r"line 1: a vertex must have finite numbers"),
        ("v 0 0 a 0 0 0\n", r"line 1: .*could not convert"),
        (
            "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n",
            r"3 of 3 vertices have no colour, the first is vertex 1.*v x y z r g b",
        ),
        ("v 0 0 0 -1 0 0\nv 1 0 0 0 0 0\nv 0 1 0 0 0 0\nf 1 2 3\n", r"colours go from -1 to 0; expected 0\.\.1 or 0"),
        (TRIANGLE, r"3 vertices \('v' lines\) and 0 triangles"),
        ("", r"0 vertices .* Is it an OBJ file"),
    ],
)
def test_a_bad_file_says_where_and_what(tmp_path, text, message):
    with pytest.raises(BadMeshError, match=message):
        read(tmp_path, text)


def test_a_missing_file(tmp_path):
    with pytest.raises(BadMeshError, match=r"nothing\.obj: the mesh cannot be read: No such file"):
        read_obj(tmp_path / "nothing.obj")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    write_obj(tmp_path / "mesh.obj", random_mesh(3))
    before = (tmp_path / "mesh.obj").read_bytes()
    broken = ColouredMesh(np.zeros((3, 2), np.float32), np.zeros((1, 3), np.int32), np.zeros((3, 3), np.uint8))
    with pytest.raises(ValueError, match="unpack"):
        write_obj(tmp_path / "mesh.obj", broken)
    assert (tmp_path / "mesh.obj").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
