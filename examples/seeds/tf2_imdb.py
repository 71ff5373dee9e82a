"""TensorFlow 2, classification of film reviews: 160,289 parameters, 0.872 after 40 epochs.

The program of the document with its import lines changed."""

from tensorcore import tf
from tensorcore import keras
import numpy as np
print(tf.__version__)

imdb = keras.datasets.imdb
(train_data, train_labels), (test_data, test_labels) = imdb.load_data(num_words=10000)

# 데이터 탐색
print("훈련 샘플: {}, 레이블: {}".format(len(train_data), len(train_labels)))
# 훈련 데이터에서 가장 많이 등장하는 상위 10,000개의 단어를 선택
# 훈련 샘플: 25000, 레이블: 25000

# 데이터 탐색
print(train_data[0])
print("첫 번쩨 데이터 단어 수 : " + str(len(train_data[0])) )
print("두 번쩨 데이터 단어 수 : " + str(len(train_data[1])) )
# [1, 14, 22, 16, 43, ..., 5345, 19, 178, 32]
# 첫 번쩨 데이터 단어 수 : 218
# 두 번쩨 데이터 단어 수 : 189

# 단어와 정수 인덱스를 매핑한 딕셔너리
word_index = imdb.get_word_index()

# 처음 몇 개 인덱스는 사전에 정의되어 있습니다
word_index = {k:(v+3) for k,v in word_index.items()}
word_index["<PAD>"] = 0
word_index["<START>"] = 1
word_index["<UNK>"] = 2  # unknown
word_index["<UNUSED>"] = 3

reverse_word_index = dict([(value, key) for (key, value) in word_index.items()])

def decode_review(text):
    return ' '.join([reverse_word_index.get(i, '?') for i in text])

# 결과 출력
decode_review(train_data[0])

train_data = keras.preprocessing.sequence.pad_sequences(train_data,
                                                        value=word_index["<PAD>"],
                                                        padding='post',
                                                        maxlen=256)

test_data = keras.preprocessing.sequence.pad_sequences(test_data,
                                                       value=word_index["<PAD>"],
                                                       padding='post',
                                                       maxlen=256)
print("첫 번쩨 데이터 길이 : " + str(len(train_data[0])) )
print("두 번쩨 데이터 길이 : " + str(len(train_data[1])) )
print(train_data[0])

## 첫 번쩨 데이터 길이 : 256
## 두 번쩨 데이터 길이 : 256
## [1 41 ... 0 0 0 0 0]

# 입력 크기는 영화 리뷰 데이터셋에 적용된 어휘 사전의 크기입니다(10,000개의 단어)
vocab_size = 10000

model = keras.Sequential()
model.add(keras.layers.Embedding(vocab_size, 16, input_shape=(None,)))
model.add(keras.layers.GlobalAveragePooling1D())
# GlobalAveragePooling1D : 길이가 다른 입력을 다루는 가장 간단한 방법
#  sequence 차원에 대해 평균을 계산하여 각 샘플에 대해 고정된 길이의 출력 벡터를 반환
model.add(keras.layers.Dense(16, activation='relu'))
model.add(keras.layers.Dense(1, activation='sigmoid'))

model.summary()

## Model: "sequential"
## ___________________________________
##  Layer (type)                Output Shape              Param #
## ===================================
##  embedding (Embedding)       (None, None, 16)          160000
##
##  global_average_pooling1d (G  (None, 16)               0
##  lobalAveragePooling1D)
##
##  dense (Dense)               (None, 16)                272
##
##  dense_1 (Dense)             (None, 1)                 17
##
## ==================================
## Total params: 160,289
## Trainable params: 160,289
## Non-trainable params: 0
## ___________________________________

## 손실함수와 옵티마이저
model.compile(optimizer='adam',
              loss='binary_crossentropy',
              metrics=['accuracy'])

## 검증세트
x_val = train_data[:10000]
partial_x_train = train_data[10000:]

y_val = train_labels[:10000]
partial_y_train = train_labels[10000:]

## 40번 학습
history = model.fit(partial_x_train,
                    partial_y_train,
                    epochs=40,
                    batch_size=512,
                    validation_data=(x_val, y_val),
                    verbose=1)

results = model.evaluate(test_data,  test_labels, verbose=2)

print(results)
## 782/782 - 1s - loss: 0.3335 - accuracy: 0.8722
## [0.3335219919681549, 0.8722400069236755]
## 0.33 손실, 87%의 정확도 달성

history_dict = history.history
history_dict.keys()

## dict_keys(['loss', 'accuracy', 'val_loss', 'val_accuracy'])

from figures import plt

acc = history_dict['accuracy']
val_acc = history_dict['val_accuracy']
loss = history_dict['loss']
val_loss = history_dict['val_loss']

epochs = range(1, len(acc) + 1)

plt.plot(epochs, loss, 'bo', label='Training loss')
plt.plot(epochs, val_loss, 'b', label='Validation loss')
plt.title('Training and validation loss')
plt.xlabel('Epochs')
plt.ylabel('Loss')
plt.legend()

plt.show()

plt.clf()   # 그림을 초기화합니다

plt.plot(epochs, acc, 'bo', label='Training acc')
plt.plot(epochs, val_acc, 'b', label='Validation acc')
plt.title('Training and validation accuracy')
plt.xlabel('Epochs')
plt.ylabel('Accuracy')
plt.legend()

plt.show()
