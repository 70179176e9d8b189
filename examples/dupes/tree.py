"""The tree of files that test.py searches, and what there is to find in it."""
import collections
import ctypes
import ctypes.util
import hashlib
import os
import pathlib
import random

START = 16 * 1024  # dupes hashes so much of a file first


def colliding(size):
    """Two contents of `size` bytes, 1100 or more, with the same XXH3 in all of its 128 bits.

    XXH3 takes stripes of 64 bytes. The first 8 bytes of a stripe, v, with a key for this stripe, change two sums: v is
    added to one, the product of the two halves of v ^ key to the other. Here the low half of v is the key's, so the
    product is 0; what the first stripe has more in its high half the second has less, so the other sum stays, too.
    """
    secret = bytes.fromhex("b8fe6c3923a44bbe" "7c01812cf721ad1c")  # of XXH3, where the keys of stripes 0 and 1 begin
    contents = []
    for more in (0, 12345):
        content = bytearray(size)
        content[0:8] = secret[0:4] + (1_000_000 + more).to_bytes(4, "little")
        content[64:72] = secret[8:12] + (1_000_000 - more).to_bytes(4, "little")
        contents.append(bytes(content))
    return contents


class Digest(ctypes.Structure):
    _fields_ = (("low", ctypes.c_uint64), ("high", ctypes.c_uint64))


def xxh128(content):
    library = ctypes.CDLL(ctypes.util.find_library("xxhash"))
    library.XXH3_128bits.restype = Digest
    library.XXH3_128bits.argtypes = (ctypes.c_char_p, ctypes.c_size_t)
    digest = library.XXH3_128bits(content, len(content))
    return digest.low, digest.high


class Tree:
    """A directory with all that is difficult; the same for the same seed."""

    def __init__(self, root, seed):
        self.root = os.fsencode(root)
        self.random = random.Random(seed)
        self.locked = []
        self.many_small()
        self.same_size_and_start()
        self.same_digest()
        self.big()
        self.odd_names()
        self.links()
        self.unreadable()

    def write(self, name, content):
        path = os.path.join(self.root, os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def many_small(self):
        contents = [self.random.randbytes(self.random.choice((1, 7, 64, 500, 4000))) for _ in range(150)]
        for i in range(1500):
            folder = f"small/{self.random.randrange(20)}/{self.random.randrange(5)}"
            content = self.random.choice(contents) if self.random.random() < 0.5 else self.random.randbytes(64)
            self.write(f"{folder}/{i}", content)
        for i in range(20):
            self.write(f"empty/{i % 3}/{i}", b"")

    def same_size_and_start(self):
        start = self.random.randbytes(START)
        for i in range(12):
            self.write(f"start/short{i}", start[:100] + bytes([i // 2]))
            self.write(f"start/exact{i}", start[:-1] + bytes([i // 3]))
            self.write(f"start/just_over{i}", start + bytes([i // 4]))
            self.write(f"start/over{i}", start + bytes(50_000) + bytes([i // 6]))

    def same_digest(self):
        for size in (2000, START + 30_000):
            for i in range(7):
                self.write(f"digest/{size}/{i}", colliding(size)[i // 4])

    def big(self):
        content = self.random.randbytes(3 * 1024 * 1024 + 1)
        for i in range(6):
            self.write(f"big/last{i}", content[:-1] + bytes([i // 2]))
            middle = bytearray(content)
            middle[len(middle) // 2] ^= i // 3
            self.write(f"big/middle{i}", middle)
        self.write("big/alone", content + b"x")

    def odd_names(self):
        for i, name in enumerate((b"two words", b" ", b"line\nbreak", b"tab\tand\rreturn", b'quote"back\\slash',
                                  b"\xff\xfe", b"latin-\xe9", "grün-日本-😀".encode(), b"cut\xe2\x82", b"surrogate\xed\xa0\x80",
                                  b"long\xc0\xaf", b"\x7f\x01", b"-rf", b"'$(x)`", b"..."), 1):
            self.write(os.path.join(b"odd", name), b"odd" * i)
            self.write(os.path.join(b"odd", name + b" folder", name), b"odd" * i)

    def links(self):
        def link(name, existing):
            path = os.path.join(self.root, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.link(existing, path)

        only = self.write("links/only", b"one inode, three names")
        link(b"links/only2", only)
        link(b"links/sub/only3", only)
        pair = self.write("links/pair", b"two inodes, four names")
        link(b"links/pair2", pair)
        other = self.write("links/other", b"two inodes, four names")
        link(b"links/a/other2", other)
        os.symlink("pair", os.path.join(self.root, b"links/symlink"))
        os.symlink("sub", os.path.join(self.root, b"links/symlink to folder"))
        os.symlink("nowhere", os.path.join(self.root, b"links/dangling"))
        os.symlink("..", os.path.join(self.root, b"links/loop"))
        os.mkfifo(os.path.join(self.root, b"links/fifo"))
        os.mkfifo(os.path.join(self.root, b"links/fifo2"))

    def unreadable(self):
        self.write("locked/a", b"secret one")
        self.write("locked/b", b"secret one")
        self.write("locked/folder/c", b"secret one")
        self.locked = [self.write("locked/file", b"secret one"), os.path.join(self.root, b"locked/folder")]
        for path in self.locked:
            os.chmod(path, 0)

    def unlock(self):
        for path in self.locked:
            os.chmod(path, 0o700)

    def files(self):
        """Path and lstat of all that a search can read, in no order."""
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if os.path.join(folder, name) not in self.locked]
            for name in names:
                path = os.path.join(folder, name)
                if path not in self.locked and os.path.isfile(path) and not os.path.islink(path):
                    yield path, os.lstat(path)

    def groups(self, empty=True, hardlinks=False):
        """What there is to find, told by Python."""
        by_content = collections.defaultdict(dict)
        for path, status in sorted(self.files()):
            if status.st_size or empty:
                content = hashlib.sha256(pathlib.Path(os.fsdecode(path)).read_bytes()).digest()
                by_content[content].setdefault(path if hardlinks else status.st_ino, path)
        return canonical(by_path.values() for by_path in by_content.values() if len(by_path) > 1)


def canonical(groups):
    return {frozenset(group) for group in groups}
