"""Who leads? A table that keeps itself fresh. New here: JSON, and asking only every two seconds.

It needs no boat: it only reads. Ctrl-C ends it.
"""
import sys
import time

import requests

SERVER = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1][0] != '-' else 'http://localhost:8080'
SERVER = SERVER if '://' in SERVER else f'http://{SERVER}'
PAUSE_S = 2
BAR = 40                 # letters of the longest bar
if hasattr(sys.stdout, 'reconfigure'):           # some terminals do not know every letter:
    sys.stdout.reconfigure(errors='replace')     # they print ? instead


def ask(route, **parameters):
    reply = requests.get(f'{SERVER}/{route}', params={**parameters, 'format': 'json'}, timeout=10)
    if reply.text.lstrip().startswith('<'):
        sys.exit('A web page came, not the game: does this network want a login?')
    return reply.json()


def show(scores, news):
    best = max([line['score'] for line in scores] + [1])
    print('\n' * 3 + f'{len(scores)} boats at {time.strftime("%H:%M:%S")}')
    for line in scores[:15]:
        bar = '#' * round(BAR * line['score'] / best)
        print(f'{line["rank"]:3} {line["name"]:20} {line["score"]:6} {bar}')
    for item in news[-3:]:
        print('    ', item['text'])


last, news = 0, []
try:
    while True:
        fresh = ask('news', since=last)['news']          # only what we do not know yet
        if fresh:
            last = fresh[-1]['number']
            news = (news + fresh)[-3:]
        show(ask('score')['players'], news)
        time.sleep(PAUSE_S)
except KeyboardInterrupt:
    print('Goodbye.')
