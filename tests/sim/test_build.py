"""What the make rules build, build again, and refuse."""

import shutil
from pathlib import Path

import pytest
from sim_boards import HOST, PACKAGES, ROOT, SELFTEST, SIMULATED, environment, make


def tree(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def packages(tmp_path):
    copy = tmp_path / "packages"
    shutil.copytree(PACKAGES, copy)
    return copy


@pytest.fixture
def variables(tmp_path, packages):
    return environment("host", tmp_path / "build", packages)


def compiled(done) -> list[str]:
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if line.split()[0] in ("CC", "AS", "LD")]


def test_nothing_is_built_again_without_a_cause(variables, tmp_path):
    assert compiled(make(SELFTEST, variables, "all"))
    before = tree(tmp_path / "build")
    assert compiled(make(SELFTEST, variables, "all")) == []
    assert tree(tmp_path / "build") == before


def test_changed_header_compiles_what_includes_it(variables, packages):
    make(SELFTEST, variables, "all")
    header = packages / "msf_model_tiny" / "msf_model_tiny.h"
    header.write_text(header.read_text() + "/* changed */\n")
    assert compiled(make(SELFTEST, variables, "all")) == [
        "CC msf_model_tiny/msf_model_tiny.c",
        "CC msf_vectors/vectors.c",
        "LD msf_selftest.elf",
    ]


def test_header_that_is_gone_is_no_obstacle(variables, packages):
    package = packages / "msf_model_tiny"
    (package / "extra.h").write_text("")
    source = (package / "msf_model_tiny.c").read_text()
    (package / "msf_model_tiny.c").write_text('#include "extra.h"\n' + source)
    make(SELFTEST, variables, "all")
    (package / "msf_model_tiny.c").write_text(source)
    (package / "extra.h").unlink()
    assert "CC msf_model_tiny/msf_model_tiny.c" in compiled(make(SELFTEST, variables, "all"))


def test_changed_flags_compile_everything(variables):
    first = compiled(make(SELFTEST, variables, "all"))
    assert sorted(compiled(make(SELFTEST, {**variables, "OPTIMIZE": "size"}, "all"))) == sorted(first)


def test_added_and_removed_sources_link_again(variables, packages):
    make(SELFTEST, variables, "all")
    added = packages / "msf_model_tiny" / "added.c"
    added.write_text("int msf_model_tiny_added(void);\nint msf_model_tiny_added(void)\n{\n    return 1;\n}\n")
    assert compiled(make(SELFTEST, variables, "all")) == ["CC msf_model_tiny/added.c", "LD msf_selftest.elf"]
    added.unlink()
    assert compiled(make(SELFTEST, variables, "all")) == ["LD msf_selftest.elf"]


@pytest.mark.parametrize("board", HOST + SIMULATED)
def test_same_sources_give_the_same_bytes(board, tmp_path):
    images = []
    for name in ("one", "another"):
        packages = tmp_path / name / "packages"
        shutil.copytree(PACKAGES, packages)
        (packages / "msf_model_tiny" / "file.c").write_text(
            "const char *tiny_file(void);\nconst char *tiny_file(void)\n{\n    return __FILE__;\n}\n"
        )
        variables = environment(board, tmp_path / name / "build", packages)
        assert make(SELFTEST, variables, "-j2", "all").returncode == 0
        output = tmp_path / name / "build" / board
        # The linker drops what names its file; its object still tells
        images.append([(output / made).read_bytes() for made in ("msf_selftest.elf", "msf_model_tiny/file.o")])
    assert images[0] == images[1]


def test_build_writes_nowhere_but_to_its_folder(variables, packages):
    watched = [packages, ROOT / "sim", SELFTEST, ROOT / "riot_pkg"]
    before = [set(tree(folder)) for folder in watched]
    assert compiled(make(SELFTEST, variables, "all"))
    assert [set(tree(folder)) for folder in watched] == before


def test_clean_removes_the_board_and_nothing_else(variables, tmp_path):
    make(SELFTEST, variables, "all")
    (tmp_path / "build" / "other").mkdir()
    assert make(SELFTEST, variables, "clean").returncode == 0
    assert [path.name for path in (tmp_path / "build").iterdir()] == ["other"]


def test_clean_needs_no_package(variables):
    assert make(SELFTEST, {**variables, "EXTERNAL_PKG_DIRS": ""}, "clean").returncode == 0


def test_elf_path_and_size_can_be_asked_for(variables, tmp_path):
    elf = tmp_path / "build" / "host" / "msf_selftest.elf"
    assert make(SELFTEST, variables, "info-debug-variable-ELFFILE").stdout.strip() == str(elf)
    make(SELFTEST, variables, "all")
    assert elf.is_file()
    assert str(elf) in make(SELFTEST, variables, "info-buildsize").stdout


def test_targets_without_work_succeed(variables):
    for target in ("flash", "flash-only", "reset"):
        assert make(SELFTEST, variables, target).returncode == 0


def test_unknown_board_lists_the_known_ones(variables):
    done = make(SELFTEST, {**variables, "BOARD": "sim-m5"}, "all")
    assert done.returncode != 0
    assert "BOARD=sim-m5 is not one of host sim-m0 sim-m4 sim-m7 sim-rv32 sim-xtensa" in done.stderr


def test_package_that_is_nowhere_is_named(variables):
    done = make(SELFTEST, {**variables, "EXTERNAL_PKG_DIRS": str(ROOT / "riot_pkg")}, "all")
    assert done.returncode != 0
    assert "package msf_vectors is in none of EXTERNAL_PKG_DIRS" in done.stderr


def test_missing_compiler_is_named_with_what_installs_it(tmp_path):
    variables = environment("host", tmp_path / "build")
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("make", "sh", "printf", "mkdir", "cmp", "rm", "mv", "find"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    done = make(SELFTEST, {**variables, "BOARD": "sim-m4", "PATH": str(tools)}, "all")
    assert done.returncode != 0
    assert "apt-get install gcc-arm-none-eabi" in done.stderr


def test_sanitizers_are_for_the_host(variables):
    done = make(SELFTEST, {**variables, "BOARD": "sim-m4", "SANITIZE": "1"}, "all")
    assert "SANITIZE=1 works with BOARD=host only" in done.stderr


def test_warning_is_an_error(variables, packages):
    source = packages / "msf_model_tiny" / "msf_model_tiny.c"
    source.write_text(source.read_text() + "\nstatic int unused;\n")
    done = make(SELFTEST, variables, "all")
    assert done.returncode != 0
    assert "unused" in done.stderr


@pytest.mark.cross
def test_program_too_large_for_the_board_is_refused_by_the_linker(tmp_path):
    variables = environment("sim-m4", tmp_path / "build", CFLAGS="-DTINY_RAM=5000000")
    done = make(SELFTEST, variables, "all")
    assert done.returncode != 0
    assert "region `ram' overflowed by" in done.stderr


def test_jobs_reach_every_module(variables):
    done = make(SELFTEST, variables, "-j2", "all")
    assert compiled(done)
    assert "jobserver unavailable" not in done.stderr
