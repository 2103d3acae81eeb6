"""One HTTP/1.1 connection that stays open. Usage: keepalive.py ADDRESS PORT PATH SECOND…

Sends a request at each of the given seconds after the start, then closes.
"""
import http.client
import sys
import time

address, port, path, *seconds = sys.argv[1:]
start = time.monotonic()
connection = http.client.HTTPConnection(address, int(port), timeout=5)
for second in seconds:
    time.sleep(max(0.0, start + float(second) - time.monotonic()))
    connection.request("GET", path, headers={"Host": address})
    connection.getresponse().read()
connection.close()
