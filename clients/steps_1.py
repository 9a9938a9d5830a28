"""The first message. Typing the URL into a browser's address bar does the same."""
import sys

import requests

SERVER = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1][0] != '-' else 'http://localhost:8080'
SERVER = SERVER if '://' in SERVER else f'http://{SERVER}'

reply = requests.get(SERVER + '/steps?message=hello wurlde')
print(reply.text)
