"""Users of Locust who judge their answers: ``from contracts.plugins.locust import ContractUser``.

The process that begins the load, alone or as the master of others, has a process beside it that learns the list before
and judges after; see `contracts.runs.load.conductor`. Importing this imports Locust, which patches the process that
imports it.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from threading import Event
from typing import Any, Final

import gevent
from locust import FastHttpUser, constant_pacing, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import STATE_INIT, STATE_STOPPED, LocalRunner, MasterRunner, WorkerRunner

from contracts.core.errors import ConfigurationError, ExitCode
from contracts.plugins.locust_client import UserSession
from contracts.runs.load.figures import Tables
from contracts.runs.load.messages import Begin, Invitation, News, accepted, invitation, packed, unpacked
from contracts.runs.load.options import STRANGERS, refuse_unasked, settings
from contracts.runs.load.process import LoadProcess
from contracts.runs.load.questions import Question
from contracts.runs.load.users import Users
from contracts.runs.target import Opened, described

LISTENS: Final = "contracts_listens"
BEGIN: Final = "contracts_begin"
PREPARED: Final = "contracts_prepared"
FINISH: Final = "contracts_finish"
FINISHED: Final = "contracts_finished"
REFUSED: Final = "contracts_refused"
REPORT: Final = "contracts"
"""Under this name news travels in the reports that workers make anyway."""
_PERCENTILES: Final = (0.5, 0.95, 0.99)
_FINISH_SECONDS: Final = 30.0
_REPORT_SECONDS: Final = 1.0
_PREPARING: Final = "preparing"
"""The state of a worker whose users can't begin, so that Locust waits for it."""
_KEY: Final = (
    "An answer of the target holds a key, so what it says of the list can't be sent to workers: load it from one"
    " process."
)


class _Load:
    """The state of one process of a load."""

    def __init__(self) -> None:
        self.process: LoadProcess | None = None
        self.opened: Opened | None = None
        self.most = 1
        """The most users that there were at the same time, on all machines."""
        self.begin: Begin | None = None
        self.users: Users | None = None
        self.session: UserSession | None = None
        self.master: MasterRunner | None = None
        self.failed: Callable[[str, Exception], None] = lambda _name, _error: None
        self.ready = Event()
        self.tables = Tables()
        self.began = self.reported = time.monotonic()
        self.invited = self.alone = self.started = self.over = self.interrupted = False
        self.connected: set[str] = set()
        self.prepared: set[str] = set()
        self.finished: set[str] = set()

    def take(self, environment: Environment, begin: Begin) -> None:
        """Let the users of this process begin.

        Raises:
            ConfigurationError: They can't do what was learned.
        """
        options = environment.parsed_options
        opened = self.opened or described(settings(getattr(options, "host", None)))
        users = Users(begin, opened, float(getattr(options, "strangers", STRANGERS)))
        stats: Any = environment.stats
        self.failed = lambda name, error: stats.log_error("GET", name, error)
        self.session = UserSession(users.route, environment.events.request)
        if isinstance(environment.runner, WorkerRunner):
            users.compare(self.session)
        self.users = users
        self.most = max(self.most, begin.users)
        ContractUser.host = users.route.base_url
        self.ready.set()

    def finish(self) -> News:
        """Stop the users, and report what they saw."""
        if self.users is None:
            return News()
        self.users.finish(self.session, self.failed)
        return self.users.judge.news()

    def add(self, news: News) -> None:
        """Add a report of users."""
        self.reported = time.monotonic()
        self.tables.add(news, self.reported - self.began)

    def add_own(self) -> None:
        """Add the report of this process from time to time, if there is no master."""
        if self.alone and self.users is not None and time.monotonic() - self.reported > _REPORT_SECONDS:
            self.add(self.users.judge.news())


_LOAD = _Load()


class ContractUser(FastHttpUser):
    """A client of the list: it walks, requests single pages and the first one again, and judges each answer."""

    host = "http://contracts.invalid"  # until the list is known
    insecure = False
    max_redirects = 0

    def __init__(self, environment: Environment) -> None:
        _LOAD.ready.wait()
        if _LOAD.users is None:
            raise RuntimeError("The list is not known.")
        self._users: Users = _LOAD.users
        super().__init__(environment)
        self.client = UserSession(self._users.route, environment.events.request, self)
        self._onward: Question | None = None
        # What a user asks is drawn from the seed, the number of its process, and its own.
        index = getattr(environment.runner, "worker_index", 0)
        place = f"{self._users.plan.seed}/{index}/{next(self._users.numbers)}"
        self._rng = random.Random(place)

    def wait_time(self) -> float:
        """No pause, or the pause that keeps all users together within the rate."""
        rate = self._users.plan.rate
        return 0.0 if rate is None else float(constant_pacing(_LOAD.most / rate)(self))

    @task
    def ask(self) -> None:
        """Ask one question, the next one of a walk if this user is in one."""
        users = self._users
        if users.finished:
            time.sleep(0.1)
            return
        users.walk_now_and_then(_LOAD.session, _LOAD.failed)
        _LOAD.add_own()
        question = self._onward or users.judge.questions.draw(self._rng)
        self._onward = question.onward if users.ask(self.client, question) else None


def _refuse(error: ConfigurationError) -> None:
    sys.stderr.write(f"contracts: {error}\n")
    sys.exit(error.exit_code)


# Interrupts


def let_interrupts_end(runner: Any) -> None:
    """Let Ctrl-C and its like end the load with a report, and a second one end everything at once.

    Without a runner, which a worker has when its master was found, there is nothing to report.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda _number, _frame: gevent.spawn(_interrupt, runner))


def _interrupt(runner: Any) -> None:
    process = _LOAD.process
    if _LOAD.interrupted:
        if process is not None:
            process.kill()
        os._exit(ExitCode.INTERRUPTED)
    # Who stopped the users in the web page, and then Locust, interrupts nothing.
    _LOAD.interrupted = not (_LOAD.started and runner.state == STATE_STOPPED)
    if isinstance(runner, WorkerRunner):
        if _LOAD.users is not None:
            _send(runner, FINISHED, _LOAD.finish())
        runner.environment.process_exit_code = ExitCode.INTERRUPTED
        runner.quit()
    elif process is None:
        sys.stderr.write("contracts: interrupted before anything was asked\n")
        sys.exit(ExitCode.INTERRUPTED)
    elif _LOAD.started and not _LOAD.over:
        runner.quit()
        if runner.environment.web_ui is not None:  # which Locust waits for
            runner.environment.web_ui.stop()
    else:
        process.interrupt()
        if _LOAD.begin is not None and not _LOAD.over:  # a master that waits for workers
            sys.exit(process.tell())


# What Locust tells


def _options(parser: LocustArgumentParser) -> None:
    group = parser.add_argument_group("Contracts")
    group.add_argument("--strangers", type=float, default=STRANGERS, help="Share of requests by who may not look")
    group.add_argument("--i-may-load-this", action="store_true", help="Load a target that others may use")


def _learn(environment: Environment, runner: Any, **_: object) -> None:
    """Learn the list, where the load begins; users elsewhere wait for it."""
    let_interrupts_end(runner)
    if isinstance(runner, WorkerRunner):
        _listen(runner, BEGIN, _on_begin)
        _listen(runner, FINISH, _on_finish)
        try:  # while the master learns the list
            _LOAD.opened = described(settings(getattr(environment.parsed_options, "host", None)))
        except ConfigurationError as error:
            _refuse_work(environment, error)
            return
        _send(runner, LISTENS, None)  # it connected before, and Locust drops what comes until someone listens
        return
    if isinstance(runner, MasterRunner):
        _LOAD.master = runner
        _listen(runner, LISTENS, _on_listens)
        _listen(runner, PREPARED, _on_prepared)
        _listen(runner, FINISHED, _on_finished)
        _listen(runner, REFUSED, _on_refused)
    options = environment.parsed_options
    host = getattr(options, "host", None)
    try:
        refuse_unasked(settings(host), may_load=bool(getattr(options, "i_may_load_this", False)))
    except ConfigurationError as error:
        _refuse(error)
    _LOAD.process = LoadProcess(host)
    learned = _LOAD.process.learned()
    begin = _LOAD.begin = Begin(learned, int(getattr(options, "num_users", None) or 1))
    if isinstance(runner, MasterRunner):
        if not learned.shareable:
            _refuse(ConfigurationError(_KEY))
        for client in list(_LOAD.connected):
            _hold(client)
            _invite(client)
    else:
        _LOAD.alone = True
        try:
            _LOAD.take(environment, begin)
        except ConfigurationError as error:
            _refuse(error)


def _listen(runner: Any, message: str, listener: Callable[..., None]) -> None:
    runner.register_message(message, listener)


def _send(runner: Any, message: str, value: object, client: str | None = None) -> None:
    runner.send_message(message, packed(value), client)


def _connected(client_id: str, **_: object) -> None:
    """Send a worker what was learned; a worker that connects earlier gets it later."""
    _LOAD.connected.add(client_id)
    _invite(client_id)


def _hold(client_id: str, **_: object) -> None:
    """Let Locust not begin before the users of this worker can; each heartbeat says anew that it is ready."""
    clients: Any = _LOAD.master.clients if _LOAD.master is not None else {}
    if client_id in clients and client_id not in _LOAD.prepared and clients[client_id].state == STATE_INIT:
        clients[client_id].state = _PREPARING


def _on_prepared(environment: Environment, msg: Any, **_: object) -> None:
    _LOAD.prepared.add(msg.node_id)
    runner: Any = environment.runner
    if msg.node_id in runner.clients and runner.clients[msg.node_id].state == _PREPARING:
        runner.clients[msg.node_id].state = STATE_INIT


def _on_listens(msg: Any, **_: object) -> None:
    _LOAD.connected.add(msg.node_id)
    _invite(msg.node_id)


def _invite(client_id: str) -> None:
    if _LOAD.begin is not None:
        _send(_LOAD.master, BEGIN, invitation(_LOAD.begin), client_id)


def _on_begin(environment: Environment, msg: Any, **_: object) -> None:
    if _LOAD.invited:
        return
    _LOAD.invited = True
    try:
        _LOAD.take(environment, accepted(unpacked(msg.data, Invitation)))
    except ConfigurationError as error:
        _refuse_work(environment, error)
    else:
        _send(environment.runner, PREPARED, None)


def _refuse_work(environment: Environment, error: ConfigurationError) -> None:
    """End this worker, and tell the master why."""
    runner: Any = environment.runner
    sys.stderr.write(f"contracts: {error}\n")
    _send(runner, REFUSED, str(error))
    environment.process_exit_code = error.exit_code
    gevent.spawn(runner.quit)


def _on_refused(environment: Environment, msg: Any, **_: object) -> None:
    """Go on without a worker that can't ask what this master learned."""
    runner: Any = environment.runner
    options: Any = environment.parsed_options
    options.expect_workers -= 1
    if options.expect_workers < 1 and not _LOAD.started:
        gevent.spawn(runner.quit)
    _LOAD.connected.discard(msg.node_id)
    sys.stderr.write(f"contracts: a worker was left out: {unpacked(msg.data, str)}\n")


def _started(environment: Environment, **_: object) -> None:
    let_interrupts_end(environment.runner)  # once more: Locust took SIGTERM meanwhile
    _LOAD.started = True
    _LOAD.began = time.monotonic()
    if not isinstance(environment.runner, MasterRunner) and _LOAD.users is not None:
        _LOAD.users.finished = False


def _spawned(user_count: int, **_: object) -> None:
    """Learn how many users a load shape or the web page asked for; Locust tells each worker the sum of all."""
    _LOAD.most = max(_LOAD.most, user_count)


def _stopping(environment: Environment, **_: object) -> None:
    """Let all processes walk through the list once more, and report what they saw."""
    runner = environment.runner
    if isinstance(runner, MasterRunner):
        clients: Any = runner.clients
        for client in clients.all:
            _send(runner, FINISH, None, client.id)
        deadline = time.monotonic() + _FINISH_SECONDS
        while time.monotonic() < deadline and not all(
            client.id in _LOAD.finished for client in clients.all if client.state != "missing"
        ):
            time.sleep(0.05)
    elif isinstance(runner, LocalRunner):
        _LOAD.add(_LOAD.finish())


def _on_finish(environment: Environment, **_: object) -> None:
    _send(environment.runner, FINISHED, _LOAD.finish())


def _on_finished(msg: Any, **_: object) -> None:
    _LOAD.finished.add(msg.node_id)
    _LOAD.add(unpacked(msg.data, News))


def _report(data: dict[str, Any], **_: object) -> None:
    if _LOAD.users is not None:
        data[REPORT] = packed(_LOAD.users.judge.news())


def _reported(data: dict[str, Any], **_: object) -> None:
    if REPORT in data:
        _LOAD.add(unpacked(data[REPORT], News))


def _conclude(environment: Environment, **_: object) -> None:
    """Let the findings be confirmed without load, and everything be judged."""
    process, begin = _LOAD.process, _LOAD.begin
    _LOAD.over = True
    if _LOAD.invited and _LOAD.users is not None and not _LOAD.users.finished:
        sys.stderr.write("contracts: the master ended without asking for the last report of this worker\n")
        environment.process_exit_code = ExitCode.INTERRUPTED
    if process is None or begin is None:
        return
    total: Any = environment.stats.total
    seconds = max(0.0, (total.last_request_timestamp or total.start_time) - total.start_time)
    done = _LOAD.tables.done(
        users=max(begin.users, _LOAD.most),
        workers=len(_LOAD.connected),
        lost=len(_LOAD.connected - _LOAD.finished),
        seconds=seconds,
        requests=total.num_requests,
        rate=total.num_requests / seconds if seconds else 0.0,
        percentiles={f"{share * 100:g}": float(total.get_response_time_percentile(share)) for share in _PERCENTILES},
        interrupted=_LOAD.interrupted or (bool(_LOAD.connected) and not _LOAD.connected & _LOAD.finished),
    )
    environment.process_exit_code = process.outcome(done)


def _tell(**_: object) -> None:
    if _LOAD.process is not None and _LOAD.begin is not None:
        _LOAD.process.tell()


def _listen_to_locust(hooks: Any) -> None:
    hooks.init_command_line_parser.add_listener(_options)
    hooks.init.add_listener(_learn)
    hooks.worker_connect.add_listener(_connected)
    hooks.test_start.add_listener(_started)
    hooks.spawning_complete.add_listener(_spawned)
    hooks.test_stopping.add_listener(_stopping)
    hooks.heartbeat_sent.add_listener(_hold)
    hooks.report_to_master.add_listener(_report)
    hooks.worker_report.add_listener(_reported)
    hooks.quitting.add_listener(_conclude)
    hooks.quit.add_listener(_tell)


_listen_to_locust(events)
