#include "tls.hpp"

#include <link.h>

#include <algorithm>
#include <cstring>

namespace heddle::explore {

ThreadLocals::ThreadLocals() {
    const auto look = [](dl_phdr_info* object, std::size_t, void* self) {
        auto& locals = *static_cast<ThreadLocals*>(self);
        for (const ElfW(Phdr)* header = object->dlpi_phdr; header != object->dlpi_phdr + object->dlpi_phnum;
             ++header) {
            if (header->p_type == PT_TLS) {
                const auto* image = reinterpret_cast<const char*>(object->dlpi_addr + header->p_vaddr);
                locals.fresh_.assign(header->p_memsz, 0);
                std::copy_n(image, header->p_filesz, locals.fresh_.begin());
                locals.here_ = static_cast<char*>(object->dlpi_tls_data);
            }
        }
        return 1;  // the first one is the program itself
    };
    dl_iterate_phdr(look, this);
}

void ThreadLocals::save(std::vector<char>& to) const { to.assign(here_, here_ + fresh_.size()); }

void ThreadLocals::load(const std::vector<char>& from) const {
    if (!from.empty()) {
        std::memcpy(here_, from.data(), from.size());
    }
}

}  // namespace heddle::explore
