// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// stacks_cpp PORT: as stacks_server.c, in C++: methods, templates, threads and locks of its own library.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>

#define NOINLINE __attribute__((noinline))

namespace shop {

using Clock = std::chrono::steady_clock;

std::mutex lock;
volatile std::uint64_t sink;

std::uint64_t used()
{
	timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return std::uint64_t(now.tv_sec) * 1000000000 + std::uint64_t(now.tv_nsec);
}

std::uint64_t since(Clock::time_point begun)
{
	return std::uint64_t(std::chrono::nanoseconds(Clock::now() - begun).count());
}

template <typename Number> struct Candle {
	virtual ~Candle() = default;

	virtual NOINLINE std::uint64_t burn(Number ms)
	{
		std::uint64_t begun = used(), now;

		do {
			for (unsigned i = 0; i < 2000; i++)
				sink = sink * i + 1;
			now = used();
		} while (now - begun < ms * 1000000);
		return now - begun;
	}
};

struct Pages {
	Candle<std::uint64_t> *candle;

	NOINLINE std::uint64_t burn_a()
	{
		std::uint64_t ns = candle->burn(15);

		sink = ns;
		return ns;
	}

	NOINLINE std::uint64_t burn_b()
	{
		std::uint64_t ns = candle->burn(5);

		sink = ns;
		return ns;
	}
};

NOINLINE std::uint64_t nap()
{
	auto begun = Clock::now();

	std::this_thread::sleep_for(std::chrono::milliseconds(3));
	return since(begun);
}

NOINLINE std::uint64_t take_lock()
{
	auto begun = Clock::now();
	std::lock_guard<std::mutex> held(lock);

	return since(begun);
}

void hold()
{
	for (;;) {
		lock.lock();
		std::this_thread::sleep_for(std::chrono::milliseconds(8));
		lock.unlock();
		std::this_thread::sleep_for(std::chrono::milliseconds(1));
	}
}

void serve(int fd)
{
	Candle<std::uint64_t> candle;
	Pages pages{&candle};
	char request[4096];

	while (recv(fd, request, sizeof(request), 0) > 0) {
		std::ostringstream body;

		body << "burn_a " << pages.burn_a() << "\n";
		body << "burn_b " << pages.burn_b() << "\n";
		body << "nap " << nap() << "\n";
		body << "take_lock " << take_lock() << "\n";
		std::string text = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.str().size()) + "\r\n\r\n" + body.str();
		if (send(fd, text.data(), text.size(), 0) < 0)
			break;
	}
	close(fd);
}

} // namespace shop

int main(int argc, char **argv)
{
	sockaddr_in address{};
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_family = AF_INET;
	address.sin_port = htons(std::uint16_t(std::atoi(argc > 1 ? argv[1] : "0")));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, reinterpret_cast<sockaddr *>(&address), sizeof(address)) || listen(fd, 64))
		return 1;
	std::thread(shop::hold).detach();
	for (;;) {
		int connection = accept(fd, nullptr, nullptr);

		if (connection >= 0)
			std::thread(shop::serve, connection).detach();
	}
}
