"""Whatever was acknowledged is there, whole, when the power goes at any moment: the disk of each moment is opened."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline.local import durable
from pipeline.local.s3.store import Objects, Properties, S3Error
from pipeline.local.store import Store
from tests.support.power_loss import Image, RecordedDisk
from tests.support.torture import length

WRITERS = 3
ROUNDS = length(1, 12)
EACH = length(3, 10)
EVERY = length(3, 10)
"""One of so many moments is opened; each round begins at another, so that in the end all of a scenario are."""


@dataclass
class Told:
    """What the writers were told is done. A key is written by one writer only, so its values come in order."""

    objects: dict[str, bytes | None] = field(default_factory=dict)
    under_way: dict[str, bytes | None] = field(default_factory=dict)
    parts: dict[str, tuple[str, int]] = field(default_factory=dict)
    resources: dict[str, int] = field(default_factory=dict)

    def copy(self) -> Told:
        return Told(dict(self.objects), dict(self.under_way), dict(self.parts), dict(self.resources))


@dataclass(frozen=True)
class Moment:
    told: Told
    image: Image


def write(objects: Objects, store: Store, told: Told, name: str, values: random.Random) -> None:
    """Puts, overwrites, deletes, uploads in parts, resources with tags; each is told as soon as it has returned."""
    for number in range(EACH):
        key = f"{name}-{number % 2}"
        body = values.randbytes(values.choice((0, 10, 700, 40_000)))
        told.under_way[key] = body
        objects.put("bucket", key, body)
        told.objects[key] = body
        upload = objects.uploads.create("bucket", f"parts-{key}", Properties())
        blob = objects.blobs.write([body])
        objects.uploads.put_part(upload, 1, blob, {})
        told.parts[f"{key}-{number}"] = (upload.id, len(body))
        if number % 3 == 2:
            told.under_way[key] = None
            objects.delete("bucket", key)
            told.objects[key] = None
        with store.transaction():
            store.insert("kind", f"{key}-{number}", {"number": number}, arn=f"arn:{key}-{number}")
            store.tag(f"arn:{key}-{number}", {"by": name})
        told.resources[f"{key}-{number}"] = number


def moments(folder: Path, seed: int, ignoring: str = "", every: int = 1) -> list[Moment]:
    """Moments before and after a sync while several writers are at work, one of so many, and the last."""
    told, found, numbers = Told(), list[Moment](), itertools.count(seed)

    def at(image: Callable[[], Image]) -> None:
        if next(numbers) % every == 0:
            seen = told.copy()  # first, since the others go on
            found.append(Moment(seen, image()))

    folder.mkdir()
    disk = RecordedDisk(folder, at, ignoring)
    disk(folder)
    objects, store = Objects(folder / "s3", sync=disk), Store(folder / "state.db", disk)
    objects.create_bucket("bucket")
    begun = len(found)
    threads = [
        threading.Thread(target=write, args=(objects, store, told, f"w{number}", random.Random(seed + number)))
        for number in range(WRITERS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    objects.close()
    store.close()
    return [*found[begun:], Moment(told, disk.image())]


def lost(moment: Moment, root: Path, target: Path, randomness: random.Random | None = None) -> list[str]:
    """What had been acknowledged and is not on the disk of that moment."""
    moment.image.write(root, target, randomness)
    objects = Objects(target / "s3", sync=durable.no_sync)
    store = Store(target / "state.db", durable.no_sync)
    try:
        return list(_lost(moment.told, objects, store))
    except S3Error as error:
        return [str(error)]
    finally:
        objects.close()
        store.close()


def _lost(told: Told, objects: Objects, store: Store) -> list[str]:
    missing = []
    there = {found.key: objects.get("bucket", found.key) for found in objects.list("bucket")}
    for key, body in told.objects.items():
        if there.get(key) not in (body, told.under_way.get(key)):
            missing.append(f"object {key}")
    missing += [f"object {key} was never put" for key in there if key not in told.under_way]
    uploads = {upload.id: upload for upload in objects.uploads.in_progress("bucket")}
    for name, (upload, size) in told.parts.items():
        parts = objects.uploads.parts(uploads[upload]) if upload in uploads else []
        if [part.blob.size for part in parts] != [size]:
            missing.append(f"part {name}")
        for part in parts:
            b"".join(objects.blobs.read([part.blob], 0, part.blob.size))
    for name, number in told.resources.items():
        if store.get("kind", name) != {"number": number} or "by" not in store.tags(f"arn:{name}"):
            missing.append(f"resource {name}")
    return missing


@pytest.mark.torture
def test_nothing_acknowledged_is_lost_when_the_power_goes_at_any_moment(tmp_path: Path) -> None:
    for round_ in range(ROUNDS):
        folder = tmp_path / f"round-{round_}"
        found = moments(folder, seed=round_, every=EVERY)
        for number, moment in enumerate(found):
            kept = random.Random(number) if number % 2 else None
            assert lost(moment, folder, tmp_path / f"image-{round_}-{number}", kept) == [], (round_, number)
        assert len(found) > 20 * EACH // EVERY and len(found[-1].told.resources) == WRITERS * EACH


@pytest.mark.parametrize("ignoring", ["s3/objects.db-wal", "state.db-wal", "s3/blobs/"])
def test_a_sync_that_is_forgotten_is_seen_as_a_loss(tmp_path: Path, ignoring: str) -> None:
    """The test above would see it, too."""
    folder = tmp_path / "state"
    assert lost(moments(folder, seed=1, ignoring=ignoring)[-1], folder, tmp_path / "image")
