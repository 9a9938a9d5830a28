"""The game, and two routes more, for the mistakes that a curious student could make: /trap?kind=... makes one in a
rule, /page?kind=... in a page, where nobody holds the lock. Lies in the lab as ~/mocean.py."""
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
TRAP = game.Route('trap', rule_trap, 'a mistake in a rule', 'trap', (KIND, game.OLD_ID))
PAGE = game.Route('page', None, 'a mistake in a page', 'trap', (KIND,))
CALLBACKS = {'trap': functools.partial(game.play, game.app.sea, TRAP),
             'page': lambda values: TRAPS[values['kind']](None)}
for route in (TRAP, PAGE):
    game.ROUTES.append(route)
    game.BY_NAME[route.name] = route
    game.app.route(f'/{route.name}', 'GET', CALLBACKS[route.name], declared=route)
application = game.application
