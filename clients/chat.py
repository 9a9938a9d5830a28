"""Talk with the other boats. New here: sending and fetching, because nobody can ring at your door.

Type a message for all, or a name, a colon and a message: `grace: where are you?`.
Enter alone fetches what the others wrote.
"""
import sys

import requests

SERVER = sys.argv[1] if len(sys.argv) > 1 else 'http://localhost:8080'
NAME = 'ada'             # write your own name here
ID = ''                  # after the first run: write your id here, to come back to your own boat


def ask(route, **parameters):
    return requests.get(f'{SERVER}/{route}', params=parameters, timeout=10)


def fetch():
    """The server keeps our messages until we ask. Each call brings the oldest one."""
    while (reply := ask('popchat', id=my_id)).ok and reply.text:
        print('   ', reply.text.replace(',', ': ', 1))


joined = ask('join', name=NAME, id=ID)
print(joined.text)
if not joined.ok:
    sys.exit(1)
my_id = joined.text.split(',')[0]
print('Type a message and Enter; q ends.')

while True:
    typed = input('> ').strip()
    if typed == 'q':
        break
    name, colon, message = typed.partition(':')
    if colon:
        print(ask('sendchat', id=my_id, name=name.strip(), message=message.strip()).text)
    elif typed:
        print(ask('sendchat', id=my_id, name='all', message=typed).text)
    fetch()
