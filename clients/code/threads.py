"""Threads for the browser, where there is only one: they take turns wherever they wait.

A thread goes on until it sleeps, asks the server, reads a line, or waits for a lock or another
thread; then the next one has its turn. The standard library's `threading`, `queue` and
`concurrent.futures` stay as they are: here are only the four things on which they stand. It takes a
browser that can set Python's stack aside (JSPI).
"""
import queue
import threading
import time

import browser
from js import host
from pyodide.ffi import can_run_sync, create_proxy

PAUSE_MS = 5                       # how often somebody who waits looks whether it has come


def wait_until(happened, timeout=-1):
    """Let the others go on until it has happened; False when it has not within `timeout` s."""
    end = time.monotonic() + timeout if timeout is not None and timeout >= 0 else None
    while not happened():
        if end is not None and time.monotonic() >= end:
            return False
        if not can_run_sync():
            raise RuntimeError('this would wait for ever: ' + SORRY)
        browser.wait(host.nap(PAUSE_MS))
    return True


SORRY = 'threads need a newer browser (Chrome, Edge or Firefox of this year)'


class Lock:
    """threading.Lock"""

    def __init__(self):
        self.held = False

    def acquire(self, blocking=True, timeout=-1):
        if self.held and not (blocking and wait_until(lambda: not self.held, timeout)):
            return False
        self.held = True
        return True

    def release(self):
        if not self.held:
            raise RuntimeError('release unlocked lock')
        self.held = False

    def locked(self):
        return self.held

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *_):
        self.release()

    def _at_fork_reinit(self):
        self.held = False


class Handle:
    """What threading.Thread holds of its thread."""

    def __init__(self, ident=0):
        self.ident, self.done = ident, False

    def is_done(self):
        return self.done

    def _set_done(self):
        self.done = True

    def join(self, timeout=None):
        wait_until(self.is_done, timeout)


class Count:
    threads = 1


def start_thread(begin, handle=None, daemon=True):
    """Begin a thread; its first turn comes when the one that started it waits."""
    if not can_run_sync():
        raise RuntimeError(SORRY)
    handle = handle or Handle()
    Count.threads += 1
    handle.ident = Count.threads

    def turn():
        browser.Turn.thread = handle.ident
        try:
            begin()
        finally:
            handle.done = True
    host.spawn(create_proxy(turn))
    return handle


def whose_turn():
    return browser.Turn.thread


threading.get_ident = whose_turn
threading.Lock = threading._allocate_lock = Lock
threading.RLock = threading._PyRLock
threading._ThreadHandle, threading._start_joinable_thread = Handle, start_thread
threading._active = {whose_turn(): threading.main_thread()}
threading._active_limbo_lock = threading.RLock()
threading.main_thread()._ident = whose_turn()
queue.SimpleQueue = queue._PySimpleQueue
