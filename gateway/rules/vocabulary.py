"""The closed vocabulary of inbound texts: which words and phrases count, and as what.

Data only, in natural spelling: case, accents, apostrophes and hyphens are folded before they are compared. French
first, then English, German, Spanish, Italian, Portuguese, Dutch, and a few more. An entry is whole words, the longest
one wins, and a text is understood only when every word of it is some entry's: add words here, not code there.
"""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What a word or phrase does in a text."""

    KEYWORD = "keyword"  # asks to stop, alone or with pleasantries and objects
    LONE = "lone"  # asks to stop only when it is all of the text: an ordinary word elsewhere
    TYPO = "typo"  # a misspelt keyword
    STOP_ALL = "stop all"  # keyword and everything in one word
    PHRASE = "phrase"  # a whole request
    REQUEST = "request"  # a request once it has an object
    REMOVAL = "removal"  # a request once it names the person's own data
    OBJECT = "object"  # what should end
    PERSONAL = "personal"  # the person's number, data, place on a list
    EVERYTHING = "everything"
    COURTESY = "courtesy"  # greetings, thanks, emphasis
    VAGUE = "vague"  # a request or its opposite: "plus de promos"
    LINK = "link"  # articles and prepositions after a keyword
    NUMBER = "number"  # short codes and anything else in digits; never decides who is blocked
    NAME = "name"  # one unknown word beside "stop": a brand or a signature
    UNKNOWN = "unknown"
    OPT_IN = "opt-in"
    CONTACT = "contact"
    HELP = "help"


PHRASES: dict[Kind, str] = {
    Kind.KEYWORD: """
        stop, stops, s t o p, stoppez, stopper, stop it, stop that, arrêt, arrête, arrêtes, arrêtez, arrêter
        cessez, cesser
        désabonnement, désabonner, désabonne, désabonnez, me désabonner, désabonne moi, désabonnez moi
        se désabonner
        désinscription, désinscrire, désinscris, désinscrivez, me désinscrire, désinscrivez moi, désinscris moi
        désabo, non. stop, no. stop, nein. stop, no. stopp, nein. stopp, non. arrêtez, non. arrêt
        unsubscribe, unsubscribe me, unsub, opt out, optout, opt me out, opting out
        stopp, stoppen, stoppt, abbestellen, abmelden, abmeldung, austragen, abbestellung
        darme de baja, dar de baja, dame de baja, denme de baja, desuscribir, desuscribirme, cancelar suscripción
        disiscrivi, disiscrivimi, disiscrizione, cancellami, cancellatemi, cancella iscrizione
        descadastrar, cancelar inscrição, cancelar subscrição, uitschrijven, afmelden, schrijf me uit, meld me af
        стоп, отписаться, отписка, остановить, отменить подписку, στοπ, zatrzymaj, wypisz, توقف, إلغاء الاشتراك
        إيقاف
        停止, 退订, 取消订阅, 配信停止, 수신거부, 🛑
        """,
    Kind.LONE: """
        halte, basta, baja, cancel, revoke, remove, quit, end, alto, parar, pare, detener, cancelar
        ferma, fermare, sair, remover, uit, sluta, avsluta
        """,
    Kind.TYPO: """
        stpo, sotp, tsop, sopt, sto p, s top, st op, 5top, st0p, 5t0p, dtop, syop, srop, estop
        stope, stopt
        stopsms, stoppub, stoppubs, stopspam, sms stop, arett, aret, arrett, arrettez, aretez, aretter, areter
        arete svp
        désabonement, désabonnemant, désabonnemen, desabonemment, désaboner, désabonnés, désabonnée, désinscrit
        désincription, désinscripion, désincrire, dessabonnement, unsuscribe, unsubcribe, unsubscibe, unsubsribe
        """,
    Kind.STOP_ALL: "stopall, stoptout",
    Kind.PHRASE: """
        ne plus recevoir, ne plus en recevoir, ne plus me contacter, ne plus m'écrire, ne plus m'importuner
        ne plus être contacté, ne plus être contactée, ne plus être sollicité, ne plus être sollicitée
        ne plus être démarché
        ne m'envoyez plus, ne m'envoie plus, ne m'envoyez plus rien, ne plus m'envoyer, ne plus rien m'envoyer
        ne me contactez plus, ne m'écrivez plus, ne me dérangez plus, ne m'appelez plus, ne m'importunez plus
        je ne veux plus recevoir, je ne veux plus rien recevoir, je veux plus recevoir, je ne souhaite plus recevoir
        je souhaite ne plus recevoir, je ne désire plus recevoir, je ne veux plus être contacté
        je ne veux plus rien
        je ne veux plus être contactée, je ne souhaite plus être contacté, je ne souhaite plus être contactée
        je ne veux plus être dérangé, je ne veux plus être dérangée
        je me désabonne, je me désinscris, je demande mon désabonnement, je demande ma désinscription
        je demande l'arrêt, je demande l'arrêt de, cessez de m'envoyer, cessez de m'écrire, cessez de me contacter
        je m'oppose, laissez moi tranquille, laisse moi tranquille, laissez moi en paix, fichez moi la paix
        foutez moi la paix, fous moi la paix, lâchez moi, j'ai dit stop, j'ai déjà dit stop
        vous pouvez arrêter, pouvez vous arrêter, pourriez vous arrêter, pouvez vous me désinscrire
        pouvez vous me désabonner
        leave me alone, remove me, remove me from, take me off, opt me out of, unsubscribe me from
        leave me in peace
        can you stop, could you stop, would you stop, will you stop, do not contact me, don't contact me
        do not text me, don't text me, do not message me, don't message me, no more texts, no more messages
        no more sms, stop texting, stop messaging, stop contacting, stop bothering, i don't want to receive
        i do not want to receive, i no longer want to receive, i don't want any more, i do not want any more
        lassen sie mich in ruhe, lass mich in ruhe, keine sms mehr, keine werbung mehr, keine nachrichten mehr
        keine weiteren sms, keine weiteren nachrichten, keine weitere werbung, ich möchte keine
        ich will keine, hören sie auf, hör auf
        no más, no mas mensajes, no me envíen más, no me envíes más, no quiero recibir más, no quiero más mensajes
        no deseo recibir más, deja de enviarme, dejen de enviarme, deja de escribirme, dejen de escribirme
        déjame en paz, déjenme en paz
        non inviatemi più, non mandatemi più, non voglio più ricevere, non voglio ricevere più, smettetela
        smettete di scrivermi, lasciatemi in pace
        não me enviem mais, não quero mais receber, não quero receber mais, parem de me enviar, me deixem em paz
        geen sms meer, geen berichten meer, geen reclame meer, stuur me geen, laat me met rust, stop ermee
        """,
    Kind.REQUEST: """
        je ne veux plus, je ne veux plus de, je ne souhaite plus, mettez fin à, mettre fin à, assez, assez de
        marre de
        y en a marre de, ras le bol de, ça suffit, fini, plus jamais de, aucun autre, i don't want, i do not want
        no more, enough, enough of, keine, keine weiteren, kein, genug, no quiero, no quiero más, no deseo más
        basta de
        non voglio, non voglio più, basta con, não quero, não quero mais, chega de, geen, geen verdere
        """,
    Kind.REMOVAL: """
        retirez moi, enlevez moi, supprimez moi, rayez moi, effacez moi, me retirer, me supprimer, me rayer
        m'enlever
        supprimez, supprimer, supprime, enlevez, enlever, enlève, retirez, retirer, retire, effacez, effacer, efface
        radiez, rayez, désactivez, delete, erase, löschen sie, löschen, lösche, entfernen sie, entfernen
        borrar, borren, borra, eliminar, eliminen, elimina, cancellate, cancella, eliminate, rimuovete
        apagar, apaguem, removam, verwijder, verwijderen
        """,
    Kind.OBJECT: """
        sms, pub, pubs, publicité, publicités, spam, spams, spamming, message, messages, msg, texto, textos, mms
        promo, promos, promotion, promotions, promotionnel, promotionnels, offre, offres, mail, mails, mailing
        newsletter, newsletters, mailings
        notif, notifs, notification, notifications, rappel, rappels, envoi, envois, démarchage, prospection
        sollicitations
        commercial, commerciaux, commerciale, commerciales, publicitaire, publicitaires, abonnement, campagne
        campagnes
        m'envoyer, m'écrire, m'appeler, m'embêter, m'importuner, me contacter, me déranger, me harceler, me spammer
        me solliciter, me démarcher, recevoir, harcèlement, alerte, alertes
        text, texts, texting, texting me, sending, sending me, messaging, messaging me, contacting me, calling me
        bothering me, spamming me, sending these, ad, ads, advert, adverts, advertising, marketing, offers
        promotional
        werbung, nachricht, nachrichten, werbesms, publicidad, mensaje, mensajes, enviarme, anuncios, ofertas
        pubblicità, messaggi, messaggio, offerte, publicidade, mensagem, mensagens, reclame, bericht, berichten
        """,
    Kind.PERSONAL: """
        mon numéro, mon num, mon tel, mon téléphone, mes données, mes coordonnées, mes infos, mes informations
        numéro
        moi de vos listes, moi de votre liste, liste, listes, fichier, fichiers, base de données, données
        coordonnées
        my number, my data, my details, me from your list, number, list, lists, database, mailing list
        meine nummer, meine daten, nummer, daten, mi número, mis datos, lista, il mio numero, i miei dati
        o meu número, meu número, meus dados, mijn nummer, mijn gegevens
        """,
    Kind.EVERYTHING: "tout, all, everything, alles, todo, todos, tutto, tutti, tudo",
    Kind.COURTESY: """
        merci, merci de, merci d', merci d'avance, merci bien, merci beaucoup, svp, s v p, s'il vous plaît
        s'il te plaît
        stp, sil vous plait, sil te plait, siouplait, veuillez, prière de, prière d', de grâce, bonjour, bonsoir
        bjr, bsr, salut, coucou
        madame, monsieur, madame monsieur, cordialement, cdlt, bien à vous, bonne journée, bonne soirée, au revoir
        à bientôt
        je veux, je voudrais, je souhaite, je désire, je demande, je demande de, je demande d', je vous demande de
        je vous demande d'
        je vous prie de, je vous prie d', j'aimerais, ok, oui, non merci
        définitivement, immédiatement, maintenant, tout de suite, de suite, dès maintenant, une fois pour toutes
        à jamais
        enfin, vraiment, urgent, pour toujours, de votre part, merde, de merde, putain, bordel
        please, pls, plz, thanks, thank you, thx, ty, hi, hello, hey, dear, sir, madam, yes, now, immediately
        regards
        kind regards, best regards, no thanks, no thank you, i want to, i would like to, i'd like to
        i want you to, forever
        right now, for good, fuck, fuck off, fucking, bitte, danke, vielen dank, hallo, guten tag, sofort
        ich möchte, ich will, nein danke
        por favor, gracias, hola, buenos días, quiero, ya, inmediatamente, per favore, grazie, ciao, buongiorno
        voglio, subito
        obrigado, obrigada, olá, bom dia, quero, alstublieft, alsjeblieft, aub, bedankt, dank u, goedendag, ik wil
        nu
        ✋, 🚫, ⛔, 👎, 😡
        """,
    Kind.VAGUE: """
        plus de, je veux plus, je veux plus de, j'veux plus, j'veux plus de, moins de, annuler, annulez
        annulation, fin, fin de
        """,
    Kind.LINK: """
        à, au, aux, de, du, des, d, le, la, les, l, un, une, vos, votre, ce, ces, cet, cette, ça, tes, tous les
        toutes les
        tous, toutes, tous vos, toutes vos, mon, ma, mes, moi, me, par, pour, sur, aussi, et, avec, n°, code, from
        for, to
        the, your, this, these, those, my, of, at, any, more, on, mit, an, der, die, das, ihre, eure, diese, mir
        con, el, los
        las, sus, di, i, il, gli, vostri, os, as, seus, het, uw, van, so, further
        """,
    Kind.OPT_IN: """
        start, unstop, reprise, reprendre, reprenez, réabonner, réabonnement, me réabonner, réabonnez moi
        réinscription
        réinscrire, nonarret, resume, subscribe, resubscribe, opt in, optin, reactivate, abonnieren, anmelden
        alta, suscribir, suscribirme, iscrivimi, riprendi, reativar, aanmelden, hervatten
        """,
    Kind.CONTACT: "contact, contacts, contacto, contatto, contato, kontakt, qui êtes vous, qui est ce, who are you",
    Kind.HELP: "aide, help, info, infos, hilfe, ayuda, aiuto, ajuda, hulp",
}

# After "stop" these are grammar or another meaning, not somebody's name.
NOT_NAMES = """
    pas, non, ne, ni, ou, où, or, and, not, no, never, jamais, nicht, niet, nie, nunca, mai, mais, but, encore
    again, shop
    go, over, motion, gap, loss, sign, watch, covid, start, continue, continuez, bus, car, quand, when, pourquoi
    why
    comment, how, quoi, what, que, qui, who, est, is, sauf, except, unless, si, if, demain, tomorrow, until, jusqu
    plus
    sans, without, presque, almost, by, in, here, ici, là, there, think, working, work, payant, gratuit
    """

# Nobody's request, but not nothing either when it is all of the text: a person decides.
UNCLEAR_TEXTS = """
    spam, fin, annuler, annulation, annulez, annulla, halt, stp, rgpd, gdpr, dsgvo, cnil, 33700, mauvais numéro
    faux numéro
    erreur de numéro, erreur de destinataire, vous vous trompez de numéro, wrong number, falsche nummer, nonstop
    nostop
    je ne connais pas, je ne vous connais pas, je ne connais pas cette société, je ne connais pas cette entreprise
    qui vous a donné mon numéro, comment avez vous eu mon numéro, je vais porter plainte, allez vous faire voir
    allez vous faire foutre
    arété sms, aréter sms, assez, ça suffit, enough, supprimer, supprimez, supprime, effacer, effacez, retirez moi
    je ne veux plus, ✋, 🚫, ⛔, 👎, 😡
    """

# Anywhere in a text that nothing else explains, these leave the decision to a person.
WARY_WORDS = """
    stop, stopper, stoppez, arrêtez, désabonner, désabonnez, désabonnement, désinscrire, désinscription
    désinscrivez
    unsubscribe, unsub, optout, spam, spams, rgpd, gdpr, cnil, 33700, harcèlement, démarchage, prospection, plainte
    abbestellen, abmelden, baja, disiscrivimi, uitschrijven, afmelden, стоп, 🛑, ✋, 🚫, ⛔
    """
