# Everything within three hours on two cores. Twelve networks a point, so that ten are left where some miss their
# threshold. Shorter trials, smaller networks and batches than the paper's.
SEEDS ?= 0:12

TASKS.complexity := flipflop delayed-discrimination
TASKS.gamma := flipflop delayed-discrimination
TASKS.width := flipflop delayed-discrimination
TASKS.nuclear := flipflop delayed-discrimination
TASKS.l1 := flipflop delayed-discrimination
TASKS.delay := delayed-discrimination
TASKS.auxiliary := delayed-discrimination

VALUES.complexity.flipflop := 2,3,4
# With three comparisons at once, two of two networks missed .1 in 7,680 steps.
VALUES.complexity := 1,2
VALUES.gamma := 0.5,1,4
VALUES.width := 32,64,128
VALUES.nuclear := 0,0.0003,0.001
VALUES.l1 := 0,0.0001,0.001
# At .001 three of three networks learnt nothing in 240 epochs.
VALUES.l1.delayed-discrimination := 0,0.00003,0.0001
VALUES.delay := 10,15,20
VALUES.auxiliary := false,true

TRAIN.flipflop := -t steps=40 --units 64 --batch 64 --stop-loss 0.002 --epochs 240 --steps-per-epoch 32 \
	--validation-trials 16
TRAIN.vanilla.flipflop := --lr 1.5e-3
TRAIN.mup.flipflop := --lr 5e-3

# The paper's .01 takes tens of thousands of steps; a network that knows nothing is at .54.
TRAIN.delayed-discrimination := --units 64 --batch 64 --schedule none --stop-loss 0.1 --epochs 240 \
	--steps-per-epoch 64 --validation-trials 64
TRAIN.vanilla.delayed-discrimination := --lr 1e-3
TRAIN.mup.delayed-discrimination := --lr 5e-3

# Width at one strength of feature learning.
TRAIN.width := --gamma 4

# On delayed discrimination the longest delay allowed may be chosen: at 30, operators have 150 rows and a pair takes more
# than ten seconds.
COMPARE := --max-delay 5
# Trials of other delays have other lengths, for which no common one can be chosen.
COMPARE.delay := --delay 5
