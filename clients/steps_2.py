"""A message of your own. The server, the route and the message are put together by requests."""
import requests

server = 'http://localhost:8080'
message = input('Your message: ')
reply = requests.get(server + '/steps', params={'message': message})
print(reply.status_code, reply.url)
print(reply.text)
