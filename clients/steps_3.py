"""A loop: eleven messages, and what each of them is told."""
import requests

server = 'http://localhost:8080'
for number in range(0, 101, 10):
    reply = requests.get(server + '/problem', params={'message': number})
    print(number, reply.text)
