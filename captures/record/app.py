"""The application tier: answers /orders by asking the resolver, then the database; all else at once."""
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = orders() if self.path == "/orders" else b"ok\n"
        self.send_response_only(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def orders():
    """Real clients: dig for the name, psql for the rows."""
    name = ["dig", "+short", "+tries=1", "+timeout=2", "@10.20.0.2", "db.shop.internal", "A"]
    address = subprocess.run(name, capture_output=True, text=True, check=True).stdout.strip()
    query = "select id, item from (values (1, 'tea'), (2, 'bread')) as orders (id, item)"
    url = f"postgresql://postgres@{address}/postgres?sslmode=disable&gssencmode=disable"
    return subprocess.run(["psql", "-XAtc", query, url], capture_output=True, check=True).stdout


if __name__ == "__main__":
    ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), App).serve_forever()
