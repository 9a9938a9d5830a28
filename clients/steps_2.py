"""A message of your own. The server, the route and the message are put together by requests."""
import sys

import requests

SERVER = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1][0] != '-' else 'http://localhost:8080'
SERVER = SERVER if '://' in SERVER else f'http://{SERVER}'
message = input('Your message: ')
reply = requests.get(SERVER + '/steps', params={'message': message})
print(reply.status_code, reply.url)
print(reply.text)
