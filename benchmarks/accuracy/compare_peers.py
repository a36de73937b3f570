"""Trains other designs beside ours on the same samples, and measures all of them on the same crops.

``python -m benchmarks.accuracy.compare_peers --samples DIR --data CSV --minutes 20 --imagenet FILE``

Every network sees the samples in the same order for the same time (or, with ``--steps``, the same number). MesoNet
comes with its own weights, and the shipped model as it is. After each, the table so far is printed and written.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.accuracy.peers.cost import Cost
    from benchmarks.accuracy.peers.crops import CropStore
    from benchmarks.accuracy.peers.results import Entry

__all__ = ["main"]

_MESONET_MARGINS = (1.0, 1.15, 1.3)
"""Its authors cut 2.86 times the distance from eyes to mouth: about 1.15 times the landmarks' box."""


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, then train and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--samples", type=Path, required=True, help="folder of faces.npy, labels.npy, masks.npy")
    parser.add_argument(
        "--data", type=Path, required=True, help="labelled clips, as stream-guard evaluate takes them"
    )
    parser.add_argument("--minutes", type=float, help="of training for each network")
    parser.add_argument("--steps", type=int, help="of training for each network, at most")
    parser.add_argument("--pairs", type=int, default=16, help="real and forged twins in a batch")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--margin", type=float, default=1.4, help="crop margin of the samples")
    parser.add_argument("--imagenet", type=Path, help="ImageNet weights of EfficientNet-Lite0, for ours")
    parser.add_argument("--mesonet", type=Path, help="folder of MesoNet's weights as .npz")
    parser.add_argument("--only", action="append", help="train this network alone; may be given again")
    parser.add_argument("--frames", type=int, default=24, help="looked at in each clip")
    parser.add_argument("--landmarker", type=Path, help="MediaPipe's face_landmarker.task, if not the fetched one")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/stream-guard/peers", help="for crops")
    parser.add_argument("--json", type=Path, help="write the figures")
    parser.add_argument("--picture", type=Path, help="write a picture of them")
    options = parser.parse_args(arguments)
    if options.minutes is None and options.steps is None:
        parser.error("--minutes or --steps is needed")
    # Read once, when torch is loaded: threads that spin while they wait cost a shared machine most of its time.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    _compare(options)


def _compare(options: argparse.Namespace) -> None:
    from benchmarks.accuracy.peers import results
    from benchmarks.accuracy.peers.cost import costs
    from benchmarks.accuracy.peers.crops import CropStore
    from benchmarks.accuracy.peers.registry import PEERS
    from benchmarks.accuracy.peers.samples import SampleSet
    from stream_guard.evaluation.clips import find_clips

    unknown = set(options.only or ()) - PEERS.keys()
    if unknown:
        sys.exit(f"no such network: {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    store = CropStore(options.cache, find_clips(options.data), frames=options.frames)
    _cut(store, options)
    ours = PEERS["ours"].build(None), SampleSet(options.samples).size
    entries: list[Entry] = []
    measured: dict[str, Cost] = {}
    for entry in _entries(store, options):
        entries.append(entry)
        if entry.network is not None:
            found = costs({"": ours, entry.name: (entry.network, entry.size)})
            measured[entry.name] = found[entry.name]
        print(results.table(entries, measured), flush=True)
        if options.json is not None:
            results.write(options.json, entries, measured, options)
    if options.picture is not None:
        results.draw(options.picture, entries)


def _cut(store: CropStore, options: argparse.Namespace) -> None:
    """Cut every view that will be asked for, once."""
    from benchmarks.accuracy.peers.crops import View
    from benchmarks.accuracy.peers.mesonet import SIZE
    from benchmarks.accuracy.peers.samples import SampleSet
    from stream_guard.evaluation.landmarks import LargestFace
    from stream_guard.faces.mesh import FaceMesh
    from stream_guard.models import store as models

    _, manifest = models.default_model()
    views = [View(manifest.size, manifest.margin), View(SampleSet(options.samples).size, options.margin)]
    if options.mesonet is not None:
        views += [View(SIZE, margin) for margin in _MESONET_MARGINS]
    if store.missing(views):
        with FaceMesh(options.landmarker or models.path(models.LANDMARKER)) as mesh:
            store.cut_views(views, LargestFace(mesh))


def _entries(store: CropStore, options: argparse.Namespace) -> Iterator[Entry]:
    """Yield what was measured, network by network."""
    yield _shipped(store)
    if options.mesonet is not None:
        for weights in sorted(options.mesonet.glob("*.npz")):
            yield _mesonet(weights, store)
    yield from _trained(store, options)


def _shipped(store: CropStore) -> Entry:
    from benchmarks.accuracy.peers.crops import View
    from benchmarks.accuracy.peers.results import Entry, scores
    from stream_guard.evaluation.predictor import loaded, predictor
    from stream_guard.models import store as models

    onnx, manifest = models.default_model()
    with loaded(onnx, manifest) as engine:
        found = scores(store.view(View(manifest.size, manifest.margin)), predictor(engine))
    return Entry("shipped", f"ours, shipped ({manifest.version})", found, size=manifest.size)


def _mesonet(weights: Path, store: CropStore) -> Entry:
    """Return MesoNet at the crop margin that suits it best: the choice on these very clips is a favour to it."""
    from benchmarks.accuracy.peers.crops import View
    from benchmarks.accuracy.peers.mesonet import SIZE, load_mesonet
    from benchmarks.accuracy.peers.results import Entry, mean_auc, predict_with, scores

    network = load_mesonet(weights)
    tried = {margin: scores(store.view(View(SIZE, margin)), predict_with(network)) for margin in _MESONET_MARGINS}
    best = max(tried, key=lambda margin: mean_auc(tried[margin]))
    return Entry(
        weights.stem, weights.stem, tried[best], size=SIZE, network=network, remark=f"crop margin {best:g}"
    )


def _trained(store: CropStore, options: argparse.Namespace) -> Iterator[Entry]:
    import torch

    from benchmarks.accuracy.peers.crops import View
    from benchmarks.accuracy.peers.registry import PEERS
    from benchmarks.accuracy.peers.results import Entry, predict_with, scores
    from benchmarks.accuracy.peers.samples import SampleSet
    from benchmarks.accuracy.peers.training import Course, Progress, train_peer

    samples = SampleSet(options.samples)
    course = Course(minutes=options.minutes, steps=options.steps, pairs=options.pairs, seed=options.seed)

    def report(progress: Progress) -> None:
        if progress.steps in (1, 10) or progress.steps % 50 == 0:
            faces, loss = f"{progress.faces} faces", f"loss {progress.loss:.3f}"
            print(f"  {name}: step {progress.steps}, {faces}, {loss}", file=sys.stderr, flush=True)

    for name in options.only or PEERS:
        peer = PEERS[name]
        torch.manual_seed(options.seed)
        network = peer.build(options.imagenet)
        done = train_peer(network, samples, course, report=report)
        found = scores(store.view(View(samples.size, options.margin)), predict_with(network))
        yield Entry(name, peer.title, found, samples.size, network, peer.remark, done)


if __name__ == "__main__":
    main()
