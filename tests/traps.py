"""The game, and one route more: /trap?kind=... makes a mistake that a curious student could make.
Lies in the lab as ~/mocean.py."""
import ctypes
import functools
import importlib.util
import os
import re
import sys

spec = importlib.util.spec_from_file_location('game', '/home/ubuntu/mocean/mocean.py')
game = sys.modules['game'] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(game)


def fails(turn):
    raise ValueError('a trap')


def loops(turn):
    while True:
        pass


def hangs(turn):
    re.match('(a+)+$', 'a' * 60 + 'b')


def crashes(turn):
    ctypes.string_at(0)


def exits(turn):
    os._exit(3)


def leaves(turn):
    sys.exit('a trap')


def swells(turn):
    hoard = []
    while True:
        hoard.append(bytearray(b'x') * 10_000_000)


def sleeps(turn):
    turn.wait = 2


TRAPS = {trap.__name__: trap for trap in (fails, loops, hangs, crashes, exits, leaves, swells, sleeps)}


def rule_trap(turn, kind, id):
    TRAPS[kind](turn)
    return {'trap': kind}


KIND = game.Parameter('kind', 'which mistake', game.read_word(*TRAPS), 'fails')
ROUTE = game.Route('trap', rule_trap, 'a mistake', 'trap', (KIND, game.OLD_ID))
game.ROUTES.append(ROUTE)
game.BY_NAME['trap'] = ROUTE
game.app.route('/trap', 'GET', functools.partial(game.play, game.app.sea, ROUTE), declared=ROUTE)
application = game.application
