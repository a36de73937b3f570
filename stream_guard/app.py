"""The only place that names concrete classes: what is plugged into what.

`Runtime` is the model and its engine, shared by all streams. `Service` is a runtime with a server around it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import platform
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray
from starlette.routing import Route

from stream_guard import __version__
from stream_guard.budget.admission import Admission
from stream_guard.budget.contention import Contention
from stream_guard.clock import NS_PER_MS, Clock, MonotonicClock
from stream_guard.config import Config, is_loopback
from stream_guard.errors import ModelError
from stream_guard.faces.finder import Finder
from stream_guard.faces.tracker import FaceTracker
from stream_guard.inference.checked_engine import CheckedEngine
from stream_guard.inference.cores import physical_cores
from stream_guard.inference.engine import EngineOptions, Network
from stream_guard.inference.faces import Faces
from stream_guard.inference.mended_network import MendedNetwork
from stream_guard.inference.registry import open_network, ranked
from stream_guard.inference.standing import Standing
from stream_guard.inference.worker import InferenceWorker
from stream_guard.metrics.prometheus import PrometheusMetrics
from stream_guard.metrics.recorder import Recorder
from stream_guard.models import store
from stream_guard.models.calibration import Calibrator, track_settings
from stream_guard.pipeline.face_measurer import FaceMeasurer
from stream_guard.pipeline.looker import Looker
from stream_guard.pipeline.observers import Fault, Observer, SessionInfo
from stream_guard.pipeline.pipeline import Judgement, Pipeline, Scorer
from stream_guard.pipeline.self_test import SelfTest
from stream_guard.pipeline.self_test_stretch import SelfTestTools
from stream_guard.pipeline.supervisor import Supervisor
from stream_guard.protocol.messages import (
    Challenge,
    Engine,
    EngineFailure,
    Hello,
    ModelReport,
    ServerMessage,
    Stats,
)
from stream_guard.recording.compose import settings
from stream_guard.recording.evidence import Evidence
from stream_guard.recording.formats import MEDIA_TYPES
from stream_guard.recording.journal import Journal
from stream_guard.recording.live import LiveRecords
from stream_guard.recording.picture import patch_overlay
from stream_guard.recording.report import CONTENT_POLICY
from stream_guard.recording.session_record import cutter
from stream_guard.scoring.session import Session, SessionSettings
from stream_guard.scoring.track import TrackSettings
from stream_guard.server.challenges import Challenges
from stream_guard.server.connections import Limits
from stream_guard.server.health import health_routes
from stream_guard.server.hub import Hub
from stream_guard.server.listener import listen
from stream_guard.server.moments import moment_routes
from stream_guard.server.rehearsal import Rehearsals
from stream_guard.server.reporter import Reporter
from stream_guard.server.self_test import SelfTests
from stream_guard.server.site import build_site
from stream_guard.server.tokens import Keyring
from stream_guard.server.whip import WhipEndpoint
from stream_guard.sources.base import Source
from stream_guard.sources.ice import IceSettings
from stream_guard.sources.re_encode import VideoSetting
from stream_guard.sources.registry import open_source

__all__ = ["Runtime", "Service"]

log = logging.getLogger(__name__)

_REASON = 300
"""What a client is told of an engine's failure, in characters: a driver's message may be a page."""

_FLUSH_S = 0.3
"""How long clients have, at the end, to take what they are still to hear."""

_ARENA_MAX = -8
"""M_ARENA_MAX of glibc's malloc.h."""

_STOOD_STILL_S = 3.0
"""How late the event loop may be before that is told; scores are stale after two seconds."""


class Runtime:
    """One engine at a time for any number of streams. Use as ``async with``."""

    def __init__(
        self,
        config: Config,
        *,
        clock: Clock | None = None,
        engine_changed: Callable[[Standing], None] = lambda standing: None,
        fault: Callable[[Fault], None] = lambda fault: None,
    ) -> None:
        """Prepare; nothing is loaded yet.

        Args:
            config: engine, model, threads, budget and limits are read.
            clock: for arrivals and durations.
            engine_changed: is told, on the event loop, when another engine has taken over, or none is left.
            fault: is told, on the event loop, what else failed and was mended.
        """
        self.clock = clock or MonotonicClock()
        self._engine_changed = engine_changed
        self._fault = fault
        self._config = config
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Find and load the engine, the model and the files of others.

        Raises:
            EngineError: no engine can run it.
            ModelError: a model file is missing or damaged, or knows no alarm threshold for the rate asked for.
        """
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def _start(self) -> None:
        config = self._config
        told = self._from_any_thread(asyncio.get_running_loop())
        path = await asyncio.to_thread(self._find)
        self._worker = InferenceWorker(
            [CheckedEngine(kind, path, self.manifest) for kind in self._engines],
            path,
            self.manifest,
            options=EngineOptions(threads=config.threads, max_batch=config.max_faces, precision=config.precision),
            insist=config.engine != "auto",
            changed=self._engine_changed,
        )
        # Side by side: each compiles networks of its own, mostly on one core. All end before an error is told.
        opened = await asyncio.gather(
            self._open_finder(told),
            self._open_measurer(told),
            self._stack.enter_async_context(self._worker),
            return_exceptions=True,
        )
        for one in opened:
            if isinstance(one, BaseException):
                raise one

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _open_finder(self, told: Callable[[str], None]) -> None:
        file = await asyncio.to_thread(store.path, store.FINDER)
        finder = await asyncio.to_thread(
            MendedNetwork, partial(_open_finder, file), name="the face finder", told=told
        )
        self._stack.callback(finder.close)
        self._find_faces = Finder(finder)

    async def _open_measurer(self, told: Callable[[str], None]) -> None:
        file = await asyncio.to_thread(store.path, store.LANDMARKER)
        self._measurer = await asyncio.to_thread(FaceMeasurer, file, told=told)
        self._stack.push_async_callback(asyncio.to_thread, self._measurer.close)

    def _from_any_thread(self, loop: asyncio.AbstractEventLoop) -> Callable[[str], None]:
        """Return what tells of a fault in following faces, wherever it is called from."""

        def told(words: str) -> None:
            log.error("%s", words)
            with contextlib.suppress(RuntimeError):  # the loop has closed: nobody listens
                loop.call_soon_threadsafe(self._fault, Fault("faces", words))

        return told

    def _find(self) -> Path:
        """Look at what this machine has, and for the model; returns its file."""
        config = self._config
        self._contention = Contention(places=physical_cores())
        self._engines = ranked(config.engine)
        path, self.manifest = store.open_model(config.model) if config.model else store.default_model()
        self._calibrator = Calibrator(self.manifest.calibration)
        self._track = track_settings(self.manifest, false_alarms_per_hour=config.false_alarms_per_hour)
        return path

    @property
    def engines(self) -> Standing:
        """Which engine runs, and why those before it do not."""
        return self._worker.standing

    @property
    def track(self) -> TrackSettings:
        """How a face is judged, with this model and at the rate of false alarms asked for."""
        return self._track

    def scorer(self, *, live: bool) -> Session:
        """Return a scorer for one stream; recordings are never stale."""
        settings = SessionSettings(self._track)
        return Session(settings if live else replace(settings, stale_after_ns=None))

    def pipeline(
        self,
        info: SessionInfo,
        source: Source,
        observers: Sequence[Observer] = (),
        *,
        scorer: Scorer | None = None,
        every: int = 1,
        after: Pipeline | None = None,
    ) -> Pipeline:
        """Wire one stream.

        Args:
            info: who the session is.
            source: not yet read.
            observers: are told of everything.
            scorer: what is said about the faces; a new one where not given.
            every: look at every n-th frame only.
            after: one that broke; its scores, its time line and the numbers of its faces go on.
        """
        config = self._config
        return Pipeline(
            info,
            source,
            looker=Looker(
                self._tracker(first_id=1 if after is None else after.next_face),
                size=self.manifest.size,
                margin=self.manifest.margin,
                max_faces=config.max_faces,
                clock=self.clock,
                engine_cuts=lambda: self._worker.cuts,
            ),
            infer=self._infer,
            budget=Admission(
                target_ns=round(config.budget_ms * NS_PER_MS),
                max_age_ns=round(config.max_age_ms * NS_PER_MS),
                live=info.live,
                max_faces=config.max_faces,
                contention=self._contention,
            ),
            scorer=scorer or self.scorer(live=info.live),
            clock=self.clock,
            observers=observers,
            every=every,
            after=after,
            evidence=self.share,
        )

    def self_test(self, call: VideoSetting) -> SelfTest:
        """Return a self-test that imitates such a call, and scores as live sessions do."""
        tools = SelfTestTools(
            tracker=self._tracker,
            infer=self._infer,
            size=self.manifest.size,
            margin=self.manifest.margin,
            clip=self._track.smoothing.clip,
            correlation_s=self._track.smoothing.correlation_s,
        )
        return SelfTest(call, tools)

    def share(self, bits_per_pixel: float) -> float:
        """Return the share of the model's evidence that is left in pictures of so many bits a pixel, 0 to 1."""
        transport = self.manifest.transport
        return 1.0 if transport is None else transport.share(bits_per_pixel)

    def _tracker(self, *, first_id: int = 1) -> FaceTracker:
        return FaceTracker(
            find=self._find_faces,
            landmarker=self._measurer,
            min_face_px=self.manifest.min_face_px,
            max_faces=self._config.max_faces,
            first_id=first_id,
        )

    async def _infer(self, batch: NDArray[np.uint8] | Faces) -> Judgement:
        prediction = await self._worker.infer(batch)
        patches = prediction.patches
        return Judgement(
            self._calibrator.llr(prediction.logits), None if patches is None else self._calibrator.llr(patches)
        )


def _open_finder(file: Path) -> Network:
    """Open the face finder's network, now or in mid-call, when the file may have been changed.

    Raises:
        ModelError: it was.
        EngineUnavailable: no engine takes it.
    """
    if not store.is_whole(store.FILES[store.FINDER], file):
        raise ModelError(f"{file} was damaged or changed meanwhile; restart to have it fetched again")
    return open_network(file, Finder.INPUT_SHAPE)


class Service:
    """A runtime with a server around it. Use as ``async with``.

    Attributes:
        url: where it listens, such as ``http://127.0.0.1:8765``.
        hello: what it tells every client first.
        records: what is remembered of sessions: moments are kept by its `keep`.
    """

    url: str
    hello: Hello
    records: LiveRecords

    def __init__(self, config: Config, *, observers: Sequence[Observer] = ()) -> None:
        """Prepare; nothing is loaded yet.

        Args:
            config: everything that can be set.
            observers: are told of every session, beside our own.
        """
        self._config = config
        self._observers = tuple(observers)
        self._stack = AsyncExitStack()
        self._journal: Journal | None = None
        self._supervisor: Supervisor | None = None

    async def __aenter__(self) -> Self:
        """Load everything, then listen.

        Raises:
            ConfigError: the address cannot be bound, or the journal's folder not be written to.
            EngineError: no engine can run here.
            ModelError: a model file is missing or damaged.
        """
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        config = self._config
        await asyncio.to_thread(_be_alone_in_the_process)
        runtime = await self._stack.enter_async_context(
            Runtime(config, engine_changed=self._engine_changed, fault=self._fault)
        )
        self.hello = _hello(config, runtime)
        self._hub = hub = Hub(self.hello, clock=runtime.clock)
        recorder = Recorder(clock=runtime.clock)
        self._prometheus = prometheus = PrometheusMetrics()
        newest: dict[str, Stats] = {}
        reporter = Reporter(self._publish, stats=newest.get, budget_ms=config.budget_ms, clock=runtime.clock)
        kept = await self._keep_journal()
        self.records = records = self._remember(runtime)
        track = runtime.track
        rehearsals = Rehearsals(hub.publish, rise=track.verdict.rise)

        def wire(
            info: SessionInfo, source: Source, observers: Sequence[Observer], *, after: Pipeline | None = None
        ) -> Pipeline:
            staged, scorer = rehearsals.stage(info, source, runtime.scorer(live=info.live))
            return runtime.pipeline(info, staged, observers, scorer=scorer, after=after)

        self_tests = SelfTests(runtime.self_test, share=runtime.share, rehearses=rehearsals.rehearses)
        self._stack.push_async_callback(self_tests.close)
        challenges = Challenges(self._tell_challenge, smoothing=track.smoothing, enough_looks=track.enough_looks)
        acting = challenges, rehearsals, self_tests
        self._supervisor = supervisor = Supervisor(
            wire,
            observers=(recorder, prometheus, reporter, records, *acting, *kept, *self._observers),
            max_sessions=config.max_sessions,
        )
        await self._stack.enter_async_context(supervisor)
        ice = _ice(config)
        whip = WhipEndpoint(
            supervisor.start,
            max_sessions=config.max_sessions,
            max_per_client=config.sessions_per_client,
            loopback_only=is_loopback(config.host),
            ice=ice,
            clock=runtime.clock,
        )
        health = health_routes(
            hello=lambda: self.hello,
            sessions=lambda: supervisor.sessions,
            stats=recorder.stats,
            stop=supervisor.stop,
            trust=supervisor.trust,
            metrics=prometheus.text,
        )
        site = build_site(
            hub,
            [*whip.routes, *health, *(route for one in acting for route in one.routes), *_moment_routes(records)],
            host=config.host,
            tokens=Keyring(admin=config.token, send=config.send_token, watch=config.watch_token),
            origins=config.origins,
        )
        most = Limits().connections
        listening = listen(
            site,
            host=config.host,
            port=config.port,
            tls_cert=config.tls_cert,
            tls_key=config.tls_key,
            limits=Limits(per_client=None if is_loopback(config.host) else most // 2),
        )
        port = await self._stack.enter_async_context(listening)
        self._stack.callback(hub.close)
        # First of all: whoever listens still hears that their calls have ended, and the journal has it.
        self._stack.push_async_callback(partial(hub.flush, within_s=_FLUSH_S))
        self._stack.push_async_callback(supervisor.close, "the server was closed")
        host = f"[{config.host}]" if ":" in config.host else config.host
        self.url = f"{'https' if config.tls_cert else 'http'}://{host}:{port}"
        telling = asyncio.create_task(_tell_stats(hub, recorder, supervisor, newest), name="stats")
        self._stack.callback(telling.cancel)
        for url in config.sources:
            await asyncio.to_thread(open_source, url)  # a wrong URL is an error now, not in a session's log
            supervisor.watch(partial(open_source, url, clock=runtime.clock, ice=ice))

    async def _keep_journal(self) -> tuple[Observer, ...]:
        """Begin to write down what is said, if that is wanted; returns who looks for evidence."""
        config = self._config
        if config.journal is None:
            return ()
        self._journal = await self._stack.enter_async_context(
            Journal(
                config.journal,
                hello=lambda: self.hello,
                keep_evidence=config.keep_evidence,
                days=config.journal_days,
                total_bytes=config.journal_mb << 20,
            )
        )
        return (Evidence(self._journal),)

    def _remember(self, runtime: Runtime) -> LiveRecords:
        """Begin to remember sessions in memory, for their moments and reports."""
        config, manifest = self._config, runtime.manifest
        records = LiveRecords(
            manifest=manifest,
            engine=lambda: self.hello.engine,
            settings=lambda: settings(
                manifest,
                false_alarms_per_hour=config.false_alarms_per_hour,
                engine=self.hello.engine,
                device=self.hello.device,
                precision=config.precision,
                max_faces=config.max_faces,
                budget_ms=config.budget_ms,
            ),
            crop=cutter(size=manifest.size, margin=manifest.margin) if config.moments else None,
        )
        self._stack.callback(records.close)
        return records

    def _publish(self, message: ServerMessage) -> None:
        """Tell whoever listens, and write it down where that is wanted."""
        self._hub.publish(message)
        if self._journal is not None:
            self._journal.take(message)

    def _tell_challenge(self, message: Challenge) -> None:
        """Tell whoever listens how a challenge goes; only its result is written down."""
        self.records.challenged(message)
        if message.state.over:
            self._publish(message)
        else:
            self._hub.publish(message)

    def _fault(self, fault: Fault) -> None:
        """Tell everybody who watches, once there is somebody."""
        if self._supervisor is not None:
            self._supervisor.fault(fault)

    def _engine_changed(self, standing: Standing) -> None:
        """Tell everybody who listens, and whoever comes later."""
        given_up = self.hello.engine
        now = Engine(engine=standing.engine, device=standing.device, passed_over=_passed_over(standing))
        self.hello = self.hello.model_copy(
            update={"engine": now.engine, "device": now.device, "passed_over": now.passed_over}
        )
        self._hub.greet_with(self.hello)
        self._publish(now)
        self._prometheus.engine_changed(standing, given_up=given_up)


def _be_alone_in_the_process() -> None:
    """Set what libraries share with a whole process. A server has one to itself.

    OpenCV's own threads spin between the small jobs of a frame, 2 ms for each. And glibc gives nearly every thread
    a heap of its own, into which pictures tear large holes: with two heaps a process that has seen 120 streams
    holds a third less memory.
    """
    import cv2

    cv2.setNumThreads(1)
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 2)


async def _tell_stats(hub: Hub, recorder: Recorder, supervisor: Supervisor, newest: dict[str, Stats]) -> None:
    """Work out each session's counts once a second: percentiles a frame would cost more than they tell.

    Whoever wakes too late has stood still, and everything with it: that is told, too.
    """
    loop = asyncio.get_running_loop()
    while True:
        asleep_s = loop.time()
        await asyncio.sleep(1.0)
        late_s = loop.time() - asleep_s - 1.0
        if late_s > _STOOD_STILL_S:
            words = f"everything stood still for {late_s:.0f} s: the machine slept, or was far too busy"
            supervisor.fault(Fault("server", words))
        counts = {session: recorder.stats(session) for session in supervisor.sessions}
        newest.clear()
        newest.update({session: stats for session, stats in counts.items() if stats is not None})
        for stats in newest.values():
            hub.publish(stats.model_copy(update={"clients": hub.clients}))


def _ice(config: Config) -> IceSettings:
    return IceSettings(
        stun=config.stun,
        turn=config.turn,
        user=config.turn_user,
        password=config.turn_password,
        relay_only=config.relay_only,
    )


def _hello(config: Config, runtime: Runtime) -> Hello:
    manifest = runtime.manifest
    return Hello(
        server=f"stream-guard {__version__}",
        engine=runtime.engines.engine,
        device=runtime.engines.device,
        passed_over=_passed_over(runtime.engines),
        model=ModelReport(
            name=manifest.name,
            version=manifest.version,
            status=manifest.status,
            sha256=manifest.sha256,
            min_face_px=manifest.min_face_px,
        ),
        budget_ms=config.budget_ms,
    )


def _moment_routes(records: LiveRecords) -> list[Route]:
    return moment_routes(records, overlay=patch_overlay, media_types=MEDIA_TYPES, page_policy=CONTENT_POLICY)


def _passed_over(standing: Standing) -> tuple[EngineFailure, ...]:
    return tuple(EngineFailure(name=one.name, reason=one.reason[:_REASON]) for one in standing.passed_over)
