"""A small TCP talk with pauses. Usage: talk.py server|client ADDRESS PORT

The client says a line four times and is answered each time; then the server says a line on its own; then the client closes.
"""
import socket
import sys
import time

role, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def serve(peer):
    for _ in range(4):
        if not peer.recv(100):
            return
        peer.sendall(b"yes\n")
    time.sleep(0.3)
    peer.sendall(b"goodbye\n")
    peer.recv(100)


if role == "server":
    listener = socket.create_server((address, port))
    while True:
        accepted, _ = listener.accept()
        with accepted:
            serve(accepted)
else:
    with socket.create_connection((address, port), timeout=5) as talk:
        for _ in range(4):
            talk.sendall(b"are you there?\n")
            talk.recv(100)
            time.sleep(0.3)
        talk.recv(100)
        time.sleep(0.2)
