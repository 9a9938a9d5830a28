"""The first client: join the game, then move once. New here: requests.get with params."""
import sys

import requests

SERVER = sys.argv[1] if len(sys.argv) > 1 else 'http://localhost:8080'

reply = requests.get(f'{SERVER}/join', params={'name': 'ada'}, timeout=10)
print('joined:', reply.text)
my_id = reply.text.split(',')[0]
reply = requests.get(f'{SERVER}/move', params={'id': my_id, 'heading': 'north'}, timeout=10)
print('moved to:', reply.text)
