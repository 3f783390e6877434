"""Public data made ready: whatever goes wrong is one line, and the next try works."""

import errno
import fcntl
import hashlib
import http.server
import io
import os
import shutil
import socket
import threading
import types
import zipfile

import pytest
import tensorflow_datasets as tfds

from shared.data import downloads, prepared
from shared.errors import UserError
from tests.conftest import find_builder

NAME = "tiny_archive"
TRAINING = 18  # of 20 notes


def packed(count=20):
    """A zip archive of one file with `count` lines."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("notes.txt", "\n".join(f"note {number}" for number in range(count)))
    return content.getvalue()


class TinyArchive(tfds.core.GeneratorBasedBuilder):
    """The lines of an archive at an address that each test says."""

    VERSION = tfds.core.Version("1.0.0")
    addresses = ()
    url_infos = None
    broken = None  # an exception in the middle of the examples

    def _info(self):
        features = tfds.features.FeaturesDict({"text": tfds.features.Text()})
        return self.dataset_info_from_configs(features=features)

    def _split_generators(self, dl_manager):
        path = dl_manager.download_and_extract(self.addresses[0])
        return {"train": self._generate_examples(path / "notes.txt")}

    def _generate_examples(self, path):
        for number, line in enumerate(path.read_text().split("\n")):
            if self.broken and number == 10:
                raise self.broken
            yield number, {"text": line}


class Answer(http.server.BaseHTTPRequestHandler):
    """What the server of a test says: its `content`, cut short or stalled where it says so."""

    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    def do_GET(self):
        server = self.server
        server.asked += 1
        self.send_response(200)
        if server.length_told:
            self.send_header("Content-Length", str(len(server.content)))
        self.end_headers()
        self.wfile.write(server.content[: server.sent])
        self.wfile.flush()
        server.stalled.wait(10)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    """A server on this machine, which has the archive for `TinyArchive`."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        server.content, server.sent, server.length_told, server.asked = packed(), None, True, 0
        server.stalled = threading.Event()
        server.stalled.set()
        server.url = f"http://127.0.0.1:{server.server_port}/notes.zip"
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(TinyArchive, "addresses", (server.url,))
        publish(server, monkeypatch)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.stalled.set()
        server.shutdown()


def publish(server, monkeypatch):
    """Let TFDS know the checksum of what the server has."""
    info = tfds.core.download.checksums.UrlInfo(
        size=len(server.content),
        checksum=hashlib.sha256(server.content).hexdigest(),
        filename="notes.zip",
    )
    monkeypatch.setattr(TinyArchive, "url_infos", {server.url: info})


def refused(folder):
    """The one line of a try that fails; nothing half done is left of it."""
    with pytest.raises(UserError) as raised:
        find_builder(NAME, folder)
    (line,) = str(raised.value).splitlines()
    assert NAME in line and len(line) < 600
    halves = [
        path for path in folder.rglob("*") if "incomplete." in path.name or ".tmp." in path.name
    ]
    assert not halves and not list(folder.rglob("*.tfrecord*"))
    return line


def texts(folder):
    """What a try that works finds."""
    return sorted(prepared.read(find_builder(NAME, folder), "train")["text"])


def cached(folder):
    (note,) = folder.rglob("*.INFO")
    return note.with_suffix("")


@pytest.mark.parametrize("length_told", [True, False], ids=["short", "of no known length"])
@pytest.mark.parametrize("checksum", [True, False], ids=["published", "unknown"])
def test_the_network_is_gone_in_the_middle_of_a_download(
    checksum, length_told, server, tmp_path, monkeypatch
):
    if not checksum:
        monkeypatch.setattr(TinyArchive, "url_infos", None)
    server.sent, server.length_told = len(packed()) // 2, length_told
    assert "try again" in refused(tmp_path)
    assert not list(tmp_path.rglob("*.INFO")), "a broken download must not be taken next time"
    server.sent = None
    assert len(texts(tmp_path)) == TRAINING and server.asked == 2


def test_a_download_that_stands_still_is_given_up(server, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "STALLED", 0.2)
    server.sent = len(packed()) // 2
    server.stalled.clear()
    assert "timed out" in refused(tmp_path)
    server.sent = None
    server.stalled.set()
    assert len(texts(tmp_path)) == TRAINING


def test_another_file_than_the_published_one(server, tmp_path):
    server.content = packed(3)
    assert "not the one that was published; try again" in refused(tmp_path)
    server.content = packed()
    assert len(texts(tmp_path)) == TRAINING


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(file.read_bytes()[:-20]),
        lambda file: file.write_bytes(packed(19)),
        lambda file: file.with_name(f"{file.name}.INFO").write_text("{"),
        lambda file: file.unlink(),
    ],
    ids=["cut short", "another one", "its note cut short", "gone"],
)
@pytest.mark.parametrize("unpacked", [True, False])
def test_a_damaged_file_among_the_downloads_is_noticed(damage, unpacked, server, tmp_path):
    """TFDS itself takes it as it is."""
    texts(tmp_path)
    shutil.rmtree(tmp_path / NAME)
    if not unpacked:
        shutil.rmtree(tmp_path / "downloads/extracted")
    damage(cached(tmp_path))
    assert len(texts(tmp_path)) == TRAINING and server.asked == 2
    assert cached(tmp_path).read_bytes() == server.content


def test_a_download_that_is_whole_is_not_made_again(server, tmp_path, monkeypatch):
    monkeypatch.setattr(TinyArchive, "broken", ValueError("no such note"))
    assert "no such note" in refused(tmp_path)
    monkeypatch.setattr(TinyArchive, "broken", None)
    assert len(texts(tmp_path)) == TRAINING and server.asked == 1


def test_what_a_crash_left_is_taken_away(server, tmp_path):
    texts(tmp_path)
    version, file = tmp_path / NAME / "1.0.0", cached(tmp_path)
    (version / "dataset_info.json").unlink()
    next(version.glob("*.tfrecord*")).unlink()
    halves = [
        version.with_name("incomplete.ABC123_1.0.0"),
        file.with_name(f"{file.name}.tmp.0123456789abcdef"),
        tmp_path / f"downloads/extracted/incomplete.0123456789abcdef_ZIP.{file.name}",
    ]
    for half in halves:
        half.mkdir()
        (half / "half").touch()
    other = version.with_name("incomplete.ABC123_2.0.0")
    other.mkdir()
    assert len(texts(tmp_path)) == TRAINING
    assert not any(half.exists() for half in halves) and other.exists()


@pytest.mark.parametrize("file", ["dataset_info.json", "features.json"])
def test_a_description_that_is_cut_short(file, server, tmp_path):
    texts(tmp_path)
    version = tmp_path / NAME / "1.0.0"
    (version / file).write_bytes((version / file).read_bytes()[:40])
    try:
        assert len(texts(tmp_path)) == TRAINING, "the features are in the code as well"
    except UserError as error:
        assert str(error) == (
            f"The prepared data of {NAME} in {version} is damaged; delete that folder and prepare "
            "it again."
        )
        shutil.rmtree(version)
        assert len(texts(tmp_path)) == TRAINING and server.asked == 1


def test_a_description_of_data_without_code_that_is_cut_short(server, tmp_path):
    texts(tmp_path)
    (tmp_path / NAME).rename(tmp_path / "of_others")
    version = tmp_path / "of_others/1.0.0"
    for path in list(version.iterdir()):
        if path.suffix == ".json":
            path.write_text(path.read_text().replace(NAME, "of_others"))
        path.rename(path.with_name(path.name.replace(NAME, "of_others")))
    assert find_builder("of_others", tmp_path).info.splits["train"].num_examples == 20
    (version / "features.json").write_text('{"pythonClassName')
    with pytest.raises(UserError, match=f"of of_others in {version} is damaged; delete that"):
        find_builder("of_others", tmp_path)


def test_a_record_file_that_is_gone(server, tmp_path):
    texts(tmp_path)
    next(tmp_path.rglob("*.tfrecord*")).unlink()
    with pytest.raises(UserError, match=f"{NAME}/1.0.0 in .* is damaged .*; delete that folder"):
        texts(tmp_path)


def test_a_disk_without_room_for_it(server, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: types.SimpleNamespace(free=100))
    monkeypatch.setattr(tfds.core.DatasetInfo, "dataset_size", 2**32)
    folder = tmp_path / "not made yet"
    assert f"{folder} has no room for it (Not enough disk space" in refused(folder)
    assert not server.asked


def test_a_disk_that_is_full_in_the_middle(server, tmp_path, monkeypatch):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(TinyArchive, "broken", full)
    assert "has no room for it" in refused(tmp_path)
    monkeypatch.setattr(TinyArchive, "broken", None)
    assert len(texts(tmp_path)) == TRAINING and server.asked == 1


def test_a_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "file").touch()
    assert "try again" in refused(tmp_path / "file" / "data")


def test_prepared_data_is_read_without_a_connection(server, tmp_path, monkeypatch):
    texts(tmp_path)

    def connected(*_):
        raise AssertionError("a connection was opened")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, connected)
    monkeypatch.setattr(socket, "getaddrinfo", connected)
    assert len(texts(tmp_path)) == TRAINING and server.asked == 1


def test_two_that_prepare_the_same_data_set(server, tmp_path, capsys):
    """The second one waits, and finds what the first one has prepared."""
    texts(tmp_path)
    capsys.readouterr()
    ready, hidden = tmp_path / NAME, tmp_path / "hidden"
    ready.rename(hidden)
    found = []
    with open(tmp_path / f".{NAME}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = threading.Thread(target=lambda: found.append(texts(tmp_path)))
        second.start()
        said = ""
        while "Waiting" not in said and second.is_alive():
            said += capsys.readouterr().err
        hidden.rename(ready)
    second.join()
    assert said == f"Waiting for another process, which prepares {NAME} in {tmp_path}.\n"
    assert len(found[0]) == TRAINING and server.asked == 1
