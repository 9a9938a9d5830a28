"""A loop: eleven messages, and what each of them is told."""
import sys

import requests

SERVER = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1][0] != '-' else 'http://localhost:8080'
SERVER = SERVER if '://' in SERVER else f'http://{SERVER}'
for number in range(0, 101, 10):
    reply = requests.get(SERVER + '/problem', params={'message': number})
    print(number, reply.text)
