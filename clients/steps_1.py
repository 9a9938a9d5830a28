"""The first message. Typing the URL into a browser's address bar does the same."""
import requests

reply = requests.get('http://localhost:8080/steps?message=hello wurlde')
print(reply.text)
