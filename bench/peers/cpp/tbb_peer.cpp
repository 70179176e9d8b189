// Fork-join with oneTBB, and, with 0 threads, the same code without any runtime. One run to warm up, one that
// counts.

#include "measured.hpp"

#include <oneapi/tbb/parallel_invoke.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include <algorithm>
#include <array>

namespace {

bool parallel = false;

/// A task at every level, no cutoff.
std::size_t fib(std::size_t n) {
    if (n < 2) {
        return n;
    }
    std::size_t x = 0;
    std::size_t y = 0;
    tbb::parallel_invoke([&] { x = fib(n - 1); }, [&] { y = fib(n - 2); });
    return x + y;
}

[[gnu::noinline]] std::size_t serial_fib(std::size_t n) {
    return n < 2 ? n : serial_fib(n - 1) + serial_fib(n - 2);
}

std::size_t skynet(std::size_t first, std::size_t leaves) {
    if (leaves == 1) {
        return first;
    }
    const std::size_t each = leaves / 10;
    std::array<std::size_t, 10> sums;
    if (parallel) {
        tbb::task_group group;
        for (std::size_t i = 0; i < 9; ++i) {
            group.run([=, &sums] { sums[i] = skynet(first + each * i, each); });
        }
        group.run_and_wait([=, &sums] { sums[9] = skynet(first + each * 9, each); });
    } else {
        for (std::size_t i = 0; i < 10; ++i) {
            sums[i] = skynet(first + each * i, each);
        }
    }
    std::size_t sum = 0;
    for (const std::size_t n : sums) {
        sum += n;
    }
    return sum;
}

/// One task per legal placement of the next queen; the board is passed by value.
template <std::size_t N>
void queens(int column, std::array<char, N> board, int& solutions) {
    if (column == static_cast<int>(N)) {
        solutions = 1;
        return;
    }
    std::array<char, N> rows;
    std::size_t found = 0;
    for (int row = 0; row < static_cast<int>(N); ++row) {
        bool legal = true;
        for (int i = 0; i < column; ++i) {
            const char queen = board[i];
            if (row == queen || row == queen - (column - i) || row == queen + (column - i)) {
                legal = false;
                break;
            }
        }
        if (legal) {
            rows[found++] = static_cast<char>(row);
        }
    }
    if (found == 0) {
        solutions = 0;
        return;
    }
    std::array<int, N> below;
    if (parallel) {
        tbb::task_group group;
        for (std::size_t i = 0; i + 1 < found; ++i) {
            board[column] = rows[i];
            group.run([=, &below] { queens(column + 1, board, below[i]); });
        }
        board[column] = rows[found - 1];
        group.run_and_wait([=, &below] { queens(column + 1, board, below[found - 1]); });
    } else {
        for (std::size_t i = 0; i < found; ++i) {
            board[column] = rows[i];
            queens(column + 1, board, below[i]);
        }
    }
    int sum = 0;
    for (std::size_t i = 0; i < found; ++i) {
        sum += below[i];
    }
    solutions = sum;
}

void multiply_leaf(const int* a, const int* b, int* c, int size, int stride) {
    for (int i = 0; i < size; i++) {
        for (int k = 0; k < size; k++) {
            for (int j = 0; j < size; j++) {
                c[i * stride + j] += a[i * stride + k] * b[k * stride + j];
            }
        }
    }
}

/// c += a * b by quadrants: four products at once, and then the other four.
void multiply(const int* a, const int* b, int* c, int size, int stride) {
    if (size <= 32) {
        multiply_leaf(a, b, c, size, stride);
        return;
    }
    const int r = size / 2;
    const int d = r * stride;
    auto half = [=](const int* a1, const int* b1, const int* a2, const int* b2) {
        auto f0 = [=] { multiply(a1, b1, c, r, stride); };
        auto f1 = [=] { multiply(a1, b2, c + r, r, stride); };
        auto f2 = [=] { multiply(a2, b1, c + d, r, stride); };
        auto f3 = [=] { multiply(a2, b2, c + d + r, r, stride); };
        if (parallel) {
            tbb::task_group group;
            group.run(f0);
            group.run(f1);
            group.run(f2);
            group.run_and_wait(f3);
        } else {
            f0();
            f1();
            f2();
            f3();
        }
    };
    half(a, b, a + d, b + r);
    half(a + r, b + d, a + d + r, b + d + r);
}

/// Starts on a page: where a matrix lies in its page decides more here than any runtime.
int* matrix(std::size_t n) {
    auto* cells = static_cast<int*>(std::aligned_alloc(4096, n * n * sizeof(int)));
    measured::require(cells != nullptr, "memory");
    return cells;
}

struct Matmul {
    explicit Matmul(std::size_t size) : n(size), a(matrix(size)), b(matrix(size)), c(matrix(size)) {
        std::fill_n(a, n * n, 1);
        std::fill_n(b, n * n, 1);
    }
    std::size_t run() {
        std::fill_n(c, n * n, 0);
        multiply(a, b, c, static_cast<int>(n), static_cast<int>(n));
        return static_cast<std::size_t>(c[n * n - 1]);
    }
    std::size_t n;
    int* a;
    int* b;
    int* c;
};

std::size_t queens_of(std::size_t n) {
    int solutions = 0;
    switch (n) {
        case 12:
            queens<12>(0, {}, solutions);
            break;
        case 13:
            queens<13>(0, {}, solutions);
            break;
        case 14:
            queens<14>(0, {}, solutions);
            break;
        default:
            measured::require(false, "nqueens 12, 13 or 14");
    }
    return static_cast<std::size_t>(solutions);
}

/// Runs `body` twice, checks that it gives the same, and reports the second time.
template <class Body>
int run(const measured::Args& args, Body body) {
    tbb::task_arena arena(std::max(args.threads, 1));
    const auto once = [&] { return parallel ? arena.execute(body) : body(); };
    const std::size_t warm = once();
    const auto start = measured::Clock::now();
    const std::size_t result = once();
    const auto wall = measured::Clock::now() - start;
    measured::require(result == warm && result != 0, "two runs differ");
    measured::report(args, 1, wall);
    return 0;
}

std::size_t power_of_ten(std::size_t n) { return n == 0 ? 1 : 10 * power_of_ten(n - 1); }

}  // namespace

int main(int argc, char** argv) {
    const measured::Args args(argc, argv);
    parallel = args.threads != 0;
    if (args.work == "fib") {
        const std::size_t n = args.number(0, 34);
        return run(args, [n] { return parallel ? fib(n) : serial_fib(n); });
    }
    if (args.work == "skynet") {
        const std::size_t leaves = power_of_ten(args.number(0, 7));
        return run(args, [leaves] { return skynet(0, leaves); });
    }
    if (args.work == "nqueens") {
        const std::size_t n = args.number(0, 13);
        return run(args, [n] { return queens_of(n); });
    }
    if (args.work == "matmul") {
        Matmul matmul(args.number(0, 1024));
        return run(args, [&matmul] { return matmul.run(); });
    }
    std::fputs("workloads: fib skynet nqueens matmul\n", stderr);
    return 2;
}
