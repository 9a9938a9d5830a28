"""A student's own routes with the mistakes that one could make: /trap?kind=... makes one in a rule, /page?kind=... in a
page, where nobody holds the lock. Lies in the lab as ~/my_routes.py."""
import ctypes
import os
import re
import sys
import types

import bottle


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
    turn.wait_s, turn.traffic = 2, types.SimpleNamespace(waiting=0)


def prompts(turn):
    input('and your name? ')


def mutters(turn):
    print('no end of line', end='')
    raise ValueError('a trap')


def slips(turn):
    print('no end of line', end='')
    os._exit(3)


def closes(turn):
    sys.stdout.close()
    sys.stderr.close()


def rule_forgets(turn):
    facts = {'trap': 'there is no return'}
    facts.update(turn=turn.now)


KINDS = (fails, loops, hangs, crashes, exits, leaves, swells, sleeps, prompts, mutters, slips, closes)
TRAPS = {trap.__name__: trap for trap in KINDS}


def rule_trap(turn, kind, id):
    TRAPS[kind](turn)
    return {'trap': kind}


def ride(game, sea):
    page = bottle.Bottle()
    page.get('/page', callback=lambda: TRAPS[bottle.request.query.kind](None))
    kind = game.Parameter('kind', 'which mistake', game.read_word(*TRAPS), 'fails')
    trap = game.Route('trap', rule_trap, 'a mistake in a rule', 'trap', (kind, game.OLD_ID))
    forgets = game.Route('forgets', rule_forgets, 'a forgotten return', 'trap')
    return game.Rider([trap, forgets, *page.routes])
