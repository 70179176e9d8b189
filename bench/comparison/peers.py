"""The programs that are compared: how each is built, and what is missing if it cannot be."""
import glob
import os
import pathlib
import re
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parents[1] / "peers"
DEBIAN_CRATES = "/usr/share/cargo/registry"
PYTHON = "/usr/bin/python3"  # the one that Debian's python3-uvloop belongs to


class Missing(Exception):
    """Names the packages that would bring a peer."""


def run(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    if done.returncode != 0:
        raise SystemExit(f"compare: {' '.join(map(str, command))} failed:\n{done.stdout}")


def cmake_program(build, target, folder):
    run(["cmake", "--build", str(build), "--target", target])
    return [str(build / "bench" / folder / target)]


def heddle(build):
    return cmake_program(build, "heddle_peer", "app")


def tbb(build):
    return cmake_program(build, "tbb_peer", "peers")


def asio(build):
    version = 0
    header = pathlib.Path("/usr/include/boost/version.hpp")
    if header.exists():
        version = int(re.search(r"define BOOST_VERSION (\d+)", header.read_text(encoding="utf-8")).group(1))
    if version < 108100:
        raise Missing("libboost1.81-dev")
    run(["cmake", str(build)])  # Boost may have been installed after the last configure
    return cmake_program(build, "asio_peer", "peers")


def tokio(build):
    crates = (glob.glob(f"{DEBIAN_CRATES}/{crate}-[0-9]*") for crate in ("tokio", "async-channel"))
    if shutil.which("cargo") is None or not all(crates):
        raise Missing("cargo librust-tokio-dev librust-async-channel-dev")
    # cargo writes a lock file beside its sources.
    sources, target = build / "bench/peers/tokio-source", build / "bench/peers/tokio"
    shutil.copytree(HERE / "tokio", sources, dirs_exist_ok=True)
    run(["cargo", "build", "--release", "--offline"], cwd=sources, env={**os.environ, "CARGO_TARGET_DIR": str(target)})
    return [str(target / "release/tokio_peer")]


def go(build):
    if shutil.which("go") is None:
        raise Missing("golang-go")
    program = build / "bench/peers/go_peer"
    run(["go", "build", "-o", str(program), "."], cwd=HERE / "go")
    return [str(program)]


def asyncio(_):
    script = "import asyncio; asyncio.Barrier"  # Python 3.11
    if subprocess.run([PYTHON, "-c", script], capture_output=True, check=False).returncode != 0:
        raise Missing("python3 (3.11 or newer)")
    return [PYTHON, str(HERE / "python/peer.py"), "asyncio"]


def uvloop(_):
    if subprocess.run([PYTHON, "-c", "import uvloop"], capture_output=True, check=False).returncode != 0:
        raise Missing("python3-uvloop")
    return [PYTHON, str(HERE / "python/peer.py"), "uvloop"]


BUILDERS = {"heddle": heddle, "tbb": tbb, "tokio": tokio, "async-channel": tokio, "go": go, "asio": asio,
            "asyncio": asyncio, "uvloop": uvloop}


def build_all(names, build):
    """{peer: command} of those that can be built."""
    commands, built = {}, {}
    for name in names:
        builder = BUILDERS[name]
        try:
            if builder not in built:
                print(f"building {name}", flush=True)
                built[builder] = builder(build)
            commands[name] = built[builder]
        except Missing as missing:
            print(f"skipping {name}: apt install {missing}")
    return commands
