# Finds the folders of the packages in USEPKG and reads their Makefile.dep until no package asks for another one.

sim_packages_before := $(USEPKG) $(USEMODULE)

sim_package_path = $(firstword $(patsubst %/Makefile,%,$(foreach folder,$(EXTERNAL_PKG_DIRS),\
  $(wildcard $(abspath $(folder))/$(1)/Makefile))))

# A misspelt package would show only as a missing header
ifneq (clean,$(MAKECMDGOALS))
  $(foreach package,$(USEPKG),$(if $(call sim_package_path,$(package)),,\
    $(error package $(package) is in none of EXTERNAL_PKG_DIRS ($(EXTERNAL_PKG_DIRS)))))
endif

PKG_PATHS := $(foreach package,$(sort $(USEPKG)),$(call sim_package_path,$(package)))
-include $(PKG_PATHS:%=%/Makefile.dep)

USEPKG := $(sort $(USEPKG))
USEMODULE := $(sort $(USEMODULE))

ifneq ($(sort $(sim_packages_before)),$(sort $(USEPKG) $(USEMODULE)))
  include $(SIMBASE)/packages.mk
endif
