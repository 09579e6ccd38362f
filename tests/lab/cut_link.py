"""A libvirtd's socket that can fall silent: it lets everything through until it is told what to wait for, keeps the answers
back from then on, and is cut when the test says so. Without a path it is one of TCP."""
import socket
import threading


class Link:
    def __init__(self, path, libvirtd):
        self.libvirtd, self.mark, self.silent, self.open = libvirtd, None, threading.Event(), []
        self.listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self.listener.bind(str(path) if path else ("127.0.0.1", 0))
        self.port = None if path else self.listener.getsockname()[1]
        self.listener.listen()
        self.start(self.accept)

    def start(self, what, *arguments):
        threading.Thread(target=what, args=arguments, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self.libvirtd))
            self.open += [client, server]
            self.start(self.copy, client, server, False)
            self.start(self.copy, server, client, True)

    def copy(self, source, target, answers):
        try:
            while data := source.recv(1 << 16):
                if answers and self.silent.is_set():
                    continue
                if not answers and self.mark and self.mark in data:
                    self.silent.set()
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def silent_after(self, mark):
        """No answer comes through any more once a request holds this."""
        self.mark = mark

    def cut(self):
        """Those who connect afterwards are served again."""
        assert self.silent.is_set()
        ends, self.open, self.mark = self.open, [], None
        self.silent.clear()
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()
