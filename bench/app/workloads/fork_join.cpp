// A task at every node, no cutoff; one run to warm up, then the one that counts. op = the whole run.

#include "app/workloads/workloads.hpp"
#include <heddle/gather.hpp>

#include <array>
#include <ranges>
#include <utility>

namespace peer {
namespace {

using heddle::Coro;
using heddle::gather;

Coro<std::uint64_t> fib(std::uint64_t n) {
    if (n < 2) {
        co_return n;
    }
    const auto both = co_await gather(fib(n - 1), fib(n - 2));
    co_return std::get<0>(both) + std::get<1>(both);
}

/// A tree with ten children per node; a leaf gives its number, an inner node the sum of its children.
Coro<std::uint64_t> skynet(std::uint64_t first, std::uint64_t leaves) {
    if (leaves == 1) {
        co_return first;
    }
    const std::uint64_t each = leaves / 10;
    const auto children = [first, each]<std::size_t... I>(std::index_sequence<I...>) {
        return gather(skynet(first + I * each, each)...);
    };
    auto ten = children(std::make_index_sequence<10>{});
    const auto sums = co_await std::move(ten);
    co_return std::apply([](auto... sum) { return (sum + ...); }, sums);
}

template <std::size_t N>
using Board = std::array<char, N>;

/// The rows of the next column where no queen on the board attacks; returns how many. A plain function, so
/// that the loops are not compiled into the coroutine.
template <std::size_t N>
[[gnu::noinline]] std::size_t legal_rows(const Board<N>& board, int column, Board<N>& rows) {
    std::size_t found = 0;
    for (int row = 0; row < static_cast<int>(N); ++row) {
        bool legal = true;
        for (int i = 0; i < column; ++i) {
            const char queen = board[static_cast<std::size_t>(i)];
            if (row == queen || row == queen - (column - i) || row == queen + (column - i)) {
                legal = false;
                break;
            }
        }
        if (legal) {
            rows[found++] = static_cast<char>(row);
        }
    }
    return found;
}

template <std::size_t N>
Coro<int> queens(int column, Board<N> board) {
    if (column == static_cast<int>(N)) {
        co_return 1;
    }
    Board<N> rows;
    const std::size_t found = legal_rows(board, column, rows);
    if (found == 0) {
        co_return 0;
    }
    const auto place = [&](std::size_t i) {
        board[static_cast<std::size_t>(column)] = rows[i];
        return queens<N>(column + 1, board);
    };
    auto placements = gather(std::views::iota(std::size_t{0}, found) | std::views::transform(place));
    const auto solutions = co_await placements;
    int sum = 0;
    for (const int n : solutions) {
        sum += n;
    }
    co_return sum;
}

Coro<int> queens_of(std::uint64_t n) {
    switch (n) {
        case 12:
            return queens<12>(0, {});
        case 13:
            return queens<13>(0, {});
        case 14:
            return queens<14>(0, {});
        default:
            require(false, "nqueens 12, 13 or 14");
            return {};
    }
}

struct Square {
    std::size_t size;    // of this part
    std::size_t stride;  // of the whole

    [[nodiscard]] std::size_t right() const { return size / 2; }
    [[nodiscard]] std::size_t down() const { return size / 2 * stride; }
};

/// A plain function, so that the loops are compiled the same in every program.
[[gnu::noinline]] void multiply_leaf(const int* a, const int* b, int* c, std::size_t size,
                                     std::size_t stride) {
    for (std::size_t i = 0; i < size; ++i) {
        for (std::size_t k = 0; k < size; ++k) {
            for (std::size_t j = 0; j < size; ++j) {
                c[i * stride + j] += a[i * stride + k] * b[k * stride + j];
            }
        }
    }
}

/// c += a * b by quadrants: four products at once, and then the other four.
Coro<> multiply(const int* a, const int* b, int* c, Square s) {
    if (s.size <= 32) {
        multiply_leaf(a, b, c, s.size, s.stride);
        co_return;
    }
    const Square part{s.size / 2, s.stride};
    const std::size_t r = s.right();
    const std::size_t d = s.down();
    co_await gather(multiply(a, b, c, part), multiply(a, b + r, c + r, part), multiply(a + d, b, c + d, part),
                    multiply(a + d, b + r, c + d + r, part));
    co_await gather(multiply(a + r, b + d, c, part), multiply(a + r, b + d + r, c + r, part),
                    multiply(a + d + r, b + d, c + d, part), multiply(a + d + r, b + d + r, c + d + r, part));
}

/// Starts on a page: where a matrix lies in its page decides more here than any runtime.
struct Matrix {
    explicit Matrix(std::size_t n) : cells(static_cast<int*>(std::aligned_alloc(4096, n * n * sizeof(int)))) {
        require(cells != nullptr, "memory for a matrix");
    }
    ~Matrix() { std::free(cells); }
    Matrix(const Matrix&) = delete;
    Matrix& operator=(const Matrix&) = delete;
    Matrix(Matrix&&) = delete;
    Matrix& operator=(Matrix&&) = delete;

    int* cells;
};

}  // namespace

Coro<Measured> fib_root(const Args& args) {
    const std::uint64_t n = args.number(0, 34);
    const std::uint64_t warm = co_await fib(n);
    const Stopwatch watch;
    const std::uint64_t result = co_await fib(n);
    const Measured measured{.ops = 1, .wall = watch.elapsed()};
    std::uint64_t expected = 0;
    for (std::uint64_t i = 0, next = 1; i < n; ++i) {
        next += std::exchange(expected, next);
    }
    require(result == expected && warm == expected, "fib");
    co_return measured;
}

Coro<Measured> skynet_root(const Args& args) {
    std::uint64_t leaves = 1;
    for (std::uint64_t depth = args.number(0, 7); depth > 0; --depth) {
        leaves *= 10;
    }
    const std::uint64_t warm = co_await skynet(0, leaves);
    const Stopwatch watch;
    const std::uint64_t result = co_await skynet(0, leaves);
    const Measured measured{.ops = 1, .wall = watch.elapsed()};
    require(result == leaves * (leaves - 1) / 2 && warm == result, "skynet");
    co_return measured;
}

Coro<Measured> nqueens_root(const Args& args) {
    const std::uint64_t n = args.number(0, 13);
    const int warm = co_await queens_of(n);
    const Stopwatch watch;
    const int result = co_await queens_of(n);
    const Measured measured{.ops = 1, .wall = watch.elapsed()};
    const std::array expected = {14200, 73712, 365596};
    require(result == expected[n - 12] && warm == result, "nqueens");
    co_return measured;
}

Coro<Measured> matmul_root(const Args& args) {
    const std::size_t n = args.number(0, 1024);
    const Matrix a(n);
    const Matrix b(n);
    const Matrix c(n);
    std::fill_n(a.cells, n * n, 1);
    std::fill_n(b.cells, n * n, 1);
    Measured measured;
    for (int run = 0; run < 2; ++run) {
        const Stopwatch watch;
        std::fill_n(c.cells, n * n, 0);
        co_await multiply(a.cells, b.cells, c.cells, Square{n, n});
        measured.wall = watch.elapsed();
    }
    for (std::size_t i = 0; i < n * n; ++i) {
        require(c.cells[i] == static_cast<int>(n), "matmul");
    }
    co_return measured;
}

}  // namespace peer
