# Models in a RIOT application. Its Makefile says
#
#   MSF_MODELS += kws.onnx                  # or zoo:ds-cnn, a network that comes with msf-riot
#   include $(shell msf-riot makefile)
#   include $(RIOTBASE)/Makefile.include
#
# and its code #include "msf_model_kws.h". Each model's package is made below bin/ when make reads the Makefile, where
# the model, its options, the board or msf-riot has changed. Beside a model, by the name of its file without .onnx:
#
#   MSF_PLAN_kws     a plan of `msf-riot plan`, or layer-by-layer   (default: the one that suits the board)
#   MSF_RAM_kws      most bytes of its arena: 16384, 16KiB          (default: what the board has)
#   MSF_INPUT_kws    whole, rows or windows                         (default: whole)
#   MSF_NAME_kws     the package is msf_model_<that>                (default: from the file's name)
#   MSF_KERNELS_kws  the kernels to call                            (default: the fastest of the board)
#   MSF_LABELS_kws   a file with the names of the classes           (default: those in the model's metadata)
#   MSF_INPUT_PIXELS_kws   uint8: the input are pixels of 0 to 255, less 128
#   MSF_MEAN_kws, MSF_DEVIATION_kws  a pixel becomes (pixel - mean) / deviation, one or one a channel: 127.5,127.5,127.5
#   MSF_KEEP_CONSTANT_CHANNELS_kws   1 computes channels that never change as well
#
# Of Kconfig's choices, app.config and user.config say the kernels of all models: CONFIG_MSF_KERNELS_PORTABLE=y.
#
# MSF_RIOT is the command, where it is not msf-riot.

MSF_RIOT ?= msf-riot
MSF_PKG_DIR := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))

ifeq (,$(BOARD))
  $(error MSF_MODELS needs BOARD: set it before $(lastword $(MAKEFILE_LIST)) is included, as in BOARD ?= native64)
endif

msf_folder := $(or $(BINDIRBASE),$(or $(APPDIR),$(CURDIR))/bin)/msf_models/$(BOARD)
msf_quoted = '$(subst ','\'',$(1))'
msf_stem = $(if $(filter zoo:%,$(1)),$(patsubst zoo:%,%,$(1)),$(basename $(notdir $(1))))
msf_option = $(if $(MSF_$(2)_$(3)),$(call msf_quoted,$(1)=$(strip $(MSF_$(2)_$(3)))))
msf_config := $(shell cat $(or $(APPDIR),$(CURDIR))/app.config $(or $(APPDIR),$(CURDIR))/user.config 2>/dev/null)
ifneq (,$(filter CONFIG_MSF_KERNELS_PORTABLE=y,$(msf_config))$(filter y,$(RIOT_CONFIG_MSF_KERNELS_PORTABLE)))
  $(foreach model,$(MSF_MODELS),$(eval MSF_KERNELS_$(call msf_stem,$(model)) ?= portable))
endif
msf_words = $(call msf_quoted,model=$(1)) \
  $(call msf_option,plan,PLAN,$(2)) $(call msf_option,ram,RAM,$(2)) $(call msf_option,input,INPUT,$(2)) \
  $(call msf_option,name,NAME,$(2)) $(call msf_option,kernels,KERNELS,$(2)) $(call msf_option,labels,LABELS,$(2)) \
  $(call msf_option,input_pixels,INPUT_PIXELS,$(2)) $(call msf_option,mean,MEAN,$(2)) \
  $(call msf_option,deviation,DEVIATION,$(2)) $(call msf_option,keep_constant_channels,KEEP_CONSTANT_CHANNELS,$(2))

# What these targets do needs no package that is not there already
msf_idle_goals := clean distclean clean-pkg clean-intermediates help list-ttys
ifneq (,$(or $(if $(MAKECMDGOALS),,all),$(filter-out $(msf_idle_goals),$(MAKECMDGOALS))))
  msf_answer := $(shell $(MSF_RIOT) update --board $(call msf_quoted,$(BOARD)) --output $(call msf_quoted,$(msf_folder)) \
    $(foreach model,$(MSF_MODELS),$(call msf_words,$(model),$(call msf_stem,$(model)))))
  ifneq (0,$(.SHELLSTATUS))
    $(error the models in MSF_MODELS, for BOARD=$(BOARD): see above)
  endif
endif
-include $(msf_folder)/models.mk

# In RIOT's build container there is no msf-riot: it reads what has been made outside
DOCKER_VOLUMES_AND_ENV += -v '$(MSF_PKG_DIR):$(DOCKER_BUILD_ROOT)/msf_riot_pkg'
DOCKER_VOLUMES_AND_ENV += -e 'MSF_PKG_DIR=$(DOCKER_BUILD_ROOT)/msf_riot_pkg'
DOCKER_VOLUMES_AND_ENV += -e 'MAKEFILES=$(DOCKER_APPDIR)/$(patsubst $(CURDIR)/%,%,$(msf_folder))/models.mk'
