"""The game on a clock that nobody has to wait for: sea time goes on by what a call takes and by what somebody waits.

A whole race is over in a few seconds, and comes out the same on a fast machine and on a slow one. What the server makes
a call wait winds its clock on; what a program sleeps does the same through /wind: run it with fast_client.py.
"""
import importlib.util
import pathlib
import sys
import threading

CALL_S = 0.005                       # a call and its answer, on their way
PROGRAM = pathlib.Path(__file__).resolve().parent.parent / 'mocean.py'
spec = importlib.util.spec_from_file_location('game', PROGRAM)
game = sys.modules['game'] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(game)


class Hand:
    """A clock that is wound on by hand."""

    def __init__(self):
        self.now, self.lock = 0.0, threading.Lock()

    def __call__(self):
        return self.now

    def wind(self, seconds):
        with self.lock:
            self.now += seconds


def rule_wind(turn, seconds):
    hand.wind(seconds)
    return {'wound': seconds}


def application(environ, start_response):
    hand.wind(CALL_S)
    return game.application(environ, start_response)


hand, sea = Hand(), game.app.sea
sea.clock = game.Clock(hand)
if sea.ocean:
    sea.set_clock(sea.ocean.now or 0)
sea.sleep = hand.wind
SECONDS = game.Parameter('seconds', 'how long somebody waits', game.read_seconds, '1')
game.add_route(game.app, game.Route('wind', rule_wind, 'let time pass', 'wound', (SECONDS,)))
