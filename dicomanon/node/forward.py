"""From the outbox to the destinations: one thread each, at least once, with back-off, with the same UIDs."""

from __future__ import annotations

import logging
import threading
from secrets import SystemRandom
from typing import TYPE_CHECKING

from dicomanon.errors import DeliveryError, PeerRefusedError, StorageError

if TYPE_CHECKING:
    from dicomanon.config import Retry
    from dicomanon.node.outbox import Delivery, Outbox
    from dicomanon.sinks import Receipt, Sink

log = logging.getLogger(__name__)

LONGEST_WAIT = 1.0
"""How long a forwarder sleeps at most before it looks again for what is due (seconds)."""
QUIET_BEFORE_RELEASE = 1.0
"""An association without work is given back after this: some archives serve one at a time (seconds)."""
STEEPEST = 30
"""Doublings after which a back-off no longer grows, whatever its bound."""


def back_off(retry: Retry, attempts: int) -> float:
    """Seconds to wait after `attempts` failed ones: doubled each time, bounded, less up to a half by chance.

    The chance keeps nodes that lost the same archive at the same moment from coming back at the same moment.
    """
    full: float = min(retry.longest, retry.first * 2.0 ** min(attempts, STEEPEST))
    return full * SystemRandom().uniform(0.5, 1.0)


def refused_for_good(status: int) -> bool:
    """Tell whether a failure status would be the same next time (PS3.4 Table B.2-1, PS3.7 C.5)."""
    return status in (0x0122, 0x0117) or status >> 8 == 0xA9 or status >> 12 == 0xC


class Forwarder:
    """Delivers what waits for one destination until it is stopped."""

    def __init__(self, outbox: Outbox, destination: str, sink: Sink, retry: Retry) -> None:
        self._outbox = outbox
        self._destination = destination
        self._sink = sink
        self._retry = retry
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name="forward", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def wake(self) -> None:
        """Say that there is something new."""
        self._news.set()

    def stop(self, seconds: float = 10.0) -> None:
        """Finish the instance being sent, at most for `seconds`; the rest waits for a restart."""
        self._stopping.set()
        self._news.set()
        if self._thread.ident is not None:  # a node that could not listen never started it
            self._thread.join(timeout=seconds)

    def _run(self) -> None:
        quiet = 0.0
        while not self._stopping.is_set():
            self._news.clear()
            try:
                delivery = self._outbox.take(self._destination, self._retry.longest)
                if delivery is not None:
                    quiet = 0.0
                    self._deliver(delivery)
                    continue
            except StorageError as error:
                # A full disk: what waits is safe, and the words for it can be written later.
                log.error("outbox=unwritable reason=%s", error.reason)  # noqa: TRY400  # no values in logs
                self._stopping.wait(LONGEST_WAIT)
                continue
            if not self._news.wait(LONGEST_WAIT):
                quiet += LONGEST_WAIT
                if quiet >= QUIET_BEFORE_RELEASE:
                    self._sink.close()
        self._sink.close()

    def _deliver(self, delivery: Delivery) -> None:
        if not delivery.cleared.path.exists():
            log.error("delivery=%d state=lost", delivery.instance)
            self._outbox.lost(delivery)
            return
        try:
            receipt = self._sink.send(delivery.cleared)
        except PeerRefusedError as error:
            self._give_up(delivery, None, error.reason)
        except (DeliveryError, StorageError) as error:
            self._try_later(delivery, None, error.reason)
            self._pause()
        else:
            self._note(delivery, receipt)

    def _note(self, delivery: Delivery, receipt: Receipt) -> None:
        if receipt.stored:
            self._failures = 0
            self._outbox.sent(delivery, receipt.status)
            log.info(
                "delivery=%d state=sent status=0x%04X bytes=%d instance=%s",
                *(delivery.instance, receipt.status, delivery.cleared.size),
                delivery.cleared.sop_instance_uid,
            )
        elif refused_for_good(receipt.status):
            self._give_up(delivery, receipt.status, PeerRefusedError.reason)
        else:
            self._try_later(delivery, receipt.status, PeerRefusedError.reason)

    def _give_up(self, delivery: Delivery, status: int | None, reason: str) -> None:
        self._outbox.failed(delivery, status, reason)
        log.error("delivery=%d state=failed status=%s reason=%s", delivery.instance, _word(status), reason)

    def _try_later(self, delivery: Delivery, status: int | None, reason: str) -> None:
        attempts = delivery.attempts + 1
        if self._retry.attempts and attempts >= self._retry.attempts:
            self._give_up(delivery, status, reason)
            return
        seconds = back_off(self._retry, delivery.attempts)
        self._outbox.retry(delivery, status, reason, seconds)
        log.warning(
            "delivery=%d state=waiting status=%s reason=%s attempts=%d seconds=%.1f",
            *(delivery.instance, _word(status), reason, attempts, seconds),
        )

    def _pause(self) -> None:
        """Leave a destination that does not answer alone for a while, whatever else waits for it."""
        seconds = back_off(self._retry, self._failures)
        self._failures += 1
        self._stopping.wait(seconds)


def _word(status: int | None) -> str:
    return "-" if status is None else f"0x{status:04X}"
